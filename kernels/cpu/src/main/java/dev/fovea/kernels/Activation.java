package dev.fovea.kernels;

/** What {@link Recorder#normLinear} applies to its linear result. */
public enum Activation {
  /** The result itself. */
  NONE,
  /** {@code 0.5 x (1 + erf(x / sqrt 2))}: the exact GELU, not its tanh approximation. */
  GELU,
  /** {@code x sigmoid(1.702 x)}, as in OpenAI's CLIP. */
  QUICK_GELU,
  /**
   * {@code silu(first half) * second half}: the first half of the output columns gates the second,
   * so half as many columns come out.
   */
  SWIGLU
}
