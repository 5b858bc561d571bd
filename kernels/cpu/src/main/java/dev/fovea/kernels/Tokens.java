package dev.fovea.kernels;

/**
 * A matrix on the device, [images, rows, width] float32 in a layout of the device's own: the
 * residual stream, the interleaved qkv, a hidden layer.
 */
public interface Tokens {

  /** Images in the batch. */
  int images();

  /** Rows of one image. */
  int rows();

  /** Columns. */
  int width();
}
