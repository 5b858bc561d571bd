package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.WeightStorage;
import java.util.List;

/**
 * One implementation of the verbs on a CPU: a layout for weights, and for every verb a factory of
 * the {@link Task}s that compute it on given arrays, one after another.
 *
 * <p>Sizes were checked before these methods are called. A task allocates nothing when it runs.
 */
public interface CpuKernels {

  /** Name and vector width, for logs and diagnosis. */
  String description();

  /** How activation matrices of this width lie in memory. */
  TokenLayout layout(int width);

  /**
   * Packs a weight and its bias; both are copied.
   *
   * @param weight [bias.length, inputs] row-major
   * @param bias one element a row of the weight
   * @param activation {@link Activation#SWIGLU} tells that the first half of the rows gates the
   *     second
   * @param storage how the weight is kept; the bias always stays float32
   */
  Linear pack(float[] weight, float[] bias, Activation activation, WeightStorage storage);

  /** {@link dev.fovea.kernels.Recorder#patchEmbed}. */
  List<Task> patchEmbed(
      CpuPixels pixels,
      int patch,
      Linear linear,
      PositionTable positions,
      CpuTokens x,
      Scratch scratch);

  /** {@link dev.fovea.kernels.Recorder#normLinear}. */
  List<Task> normLinear(
      CpuTokens x,
      Rows rows,
      NormWeights norm,
      Linear linear,
      Activation activation,
      Columns columns,
      CpuTokens y,
      Scratch scratch);

  /** {@link dev.fovea.kernels.Recorder#attention}. */
  List<Task> attention(AttentionStep step, Scratch scratch);

  /** {@link dev.fovea.kernels.Recorder#linearAdd}. */
  List<Task> linearAdd(
      CpuTokens a, Rows rows, Linear linear, float[] gamma, CpuTokens x, Scratch scratch);

  /** {@link dev.fovea.kernels.Recorder#norm}. */
  List<Task> norm(CpuTokens x, Rows rows, NormWeights norm, CpuTokens y, Scratch scratch);

  /**
   * Has the just-in-time compiler compile the innermost loops, and returns when they are, or when
   * the thread is interrupted.
   *
   * @param storage how the weights to come are kept
   */
  void rehearse(WeightStorage storage);
}
