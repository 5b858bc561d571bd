package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;

/** Weights in device memory with the sizes that a recorder checks. */
sealed interface GpuPacked<W> extends Packed<W> {

  CudaDevice owner();

  /**
   * A 16-bit matrix in device memory, padded with zeros to whole tiles.
   *
   * @param address [paddedRows, stride]
   * @param rows outputs
   * @param paddedRows rows with padding, a multiple of 128; vectors beside the matrix have as many
   *     elements
   * @param inputs columns that are not padding
   * @param stride elements from one row to the next, a multiple of 64
   * @param bytes of the whole
   */
  record Matrix(long address, int rows, int paddedRows, int inputs, int stride, long bytes) {}

  /**
   * A packed patch projection.
   *
   * @param bias address of [matrix.paddedRows] floats
   */
  record PatchEmbed(CudaDevice owner, int patch, int width, Matrix matrix, long bias)
      implements GpuPacked<PatchEmbedWeights> {
    @Override
    public long bytes() {
      return matrix.bytes() + (long) Float.BYTES * matrix.paddedRows();
    }
  }

  /**
   * A LayerNorm folded into its linear layer: {@code y = act(r (x W'^T - mean s) + b')} with {@code
   * W' = W diag(gamma)}, {@code b' = b + W beta}, s the sums of the rounded rows of W', and r one
   * over the standard deviation. With SwiGLU, rows of gate and value alternate.
   *
   * @param width of the LayerNorm
   * @param outputs columns of y
   * @param bias address of b', [matrix.paddedRows] floats
   * @param sums address of s, [matrix.paddedRows] floats
   */
  record NormLinear(
      CudaDevice owner,
      int width,
      float epsilon,
      Activation activation,
      int outputs,
      Matrix matrix,
      long bias,
      long sums)
      implements GpuPacked<NormLinearWeights> {
    @Override
    public long bytes() {
      return matrix.bytes() + 2L * Float.BYTES * matrix.paddedRows();
    }
  }

  /**
   * A linear layer in front of a LayerScale, {@code x += gamma (a W^T) + gamma b}.
   *
   * @param gamma address of [matrix.paddedRows] floats
   * @param bias address of gamma b, [matrix.paddedRows] floats
   */
  record LinearAdd(CudaDevice owner, Matrix matrix, long gamma, long bias)
      implements GpuPacked<LinearAddWeights> {
    @Override
    public long bytes() {
      return matrix.bytes() + 2L * Float.BYTES * matrix.paddedRows();
    }
  }

  /**
   * A LayerNorm.
   *
   * @param weight address of [width] floats, padded like the rows of a matrix of tokens
   * @param bias the same
   */
  record Norm(CudaDevice owner, int width, float epsilon, long weight, long bias)
      implements GpuPacked<NormWeights> {
    @Override
    public long bytes() {
      return 2L * Float.BYTES * width;
    }
  }
}
