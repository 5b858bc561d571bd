package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;

/** Who multiplies matrices in the verbs of a block. Used on the CUDA thread only. */
interface Products extends AutoCloseable {

  /** Who it is, for a device's description. */
  String description();

  /** True if plans have to run once before they are recorded as a graph. */
  boolean needTrial();

  /**
   * Adds {@code y = act(norm(x) W^T + b)} to a plan; reads x in {@link GpuTokens.Form#RESIDUAL} and
   * writes y in {@link GpuTokens.Form#HALF}.
   */
  void normLinear(
      PlanBuilder plan,
      GpuTokens x,
      Rows rows,
      GpuPacked.NormLinear weights,
      Columns columns,
      GpuTokens y);

  /**
   * Adds {@code x += gamma * (a W^T + b)} to a plan; reads a in {@link GpuTokens.Form#HALF}, reads
   * and leaves x in {@link GpuTokens.Form#RESIDUAL}.
   */
  void linearAdd(
      PlanBuilder plan, GpuTokens a, Rows rows, GpuPacked.LinearAdd weights, GpuTokens x);

  @Override
  void close();
}
