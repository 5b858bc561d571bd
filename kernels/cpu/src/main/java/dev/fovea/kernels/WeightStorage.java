package dev.fovea.kernels;

/**
 * How packed matrices are kept in memory.
 *
 * <p>On a CPU that is all: they are widened as they are read, and arithmetic is float32 in every
 * case. A GPU multiplies matrices in 16 bits, so it keeps {@link #F32} weights as {@link #F16}, and
 * both factors of a product are rounded: the weights once, activations on the way in. What is
 * summed stays float32 there, too: the sums of products, LayerNorm, softmax, the residual stream.
 */
public enum WeightStorage {
  /** As they are: 4 bytes a weight. On a GPU the same as {@link #F16}. */
  F32,
  /** IEEE half precision, rounded to nearest even: 2 bytes, 11 bits of significand. */
  F16,
  /** bfloat16, rounded to nearest even: 2 bytes, 8 bits of significand, the range of float32. */
  BF16
}
