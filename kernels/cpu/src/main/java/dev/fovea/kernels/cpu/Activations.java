package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;

/** The activations of {@link Activation} that have one argument, in float64. */
final class Activations {

  private Activations() {}

  static double apply(Activation activation, double x) {
    return switch (activation) {
      case NONE -> x;
      case GELU -> gelu(x);
      case QUICK_GELU -> x * sigmoid(1.702 * x);
      case SWIGLU -> throw new IllegalArgumentException("SwiGLU has two arguments");
    };
  }

  /** The first argument gates the second. */
  static double swiglu(double gate, double up) {
    return silu(gate) * up;
  }

  private static double gelu(double x) {
    return x == Double.NEGATIVE_INFINITY ? 0 : 0.5 * x * ErrorFunction.erfc(-x / Math.sqrt(2));
  }

  private static double silu(double x) {
    return x * sigmoid(x);
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
