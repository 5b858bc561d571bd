package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;

/** Packed weights with the sizes that a recorder checks, and the device they belong to. */
sealed interface CpuPacked<W> extends Packed<W> {

  CpuDevice owner();

  /** A packed patch projection. */
  record PatchEmbed(CpuDevice owner, int patch, int width, Linear linear)
      implements CpuPacked<PatchEmbedWeights> {
    @Override
    public long bytes() {
      return linear.bytes();
    }
  }

  /** A packed LayerNorm with its linear layer. */
  record NormLinear(
      CpuDevice owner, NormWeights norm, Activation activation, int outputs, Linear linear)
      implements CpuPacked<NormLinearWeights> {
    @Override
    public long bytes() {
      return linear.bytes() + 2L * Float.BYTES * norm.width();
    }
  }

  /** A packed linear layer with its LayerScale. */
  record LinearAdd(CpuDevice owner, int inputs, float[] gamma, Linear linear)
      implements CpuPacked<LinearAddWeights> {
    @Override
    public long bytes() {
      return linear.bytes() + (long) Float.BYTES * gamma.length;
    }
  }

  /** A LayerNorm. */
  record Norm(CpuDevice owner, NormWeights norm) implements CpuPacked<NormWeights> {
    @Override
    public long bytes() {
      return 2L * Float.BYTES * norm.width();
    }
  }
}
