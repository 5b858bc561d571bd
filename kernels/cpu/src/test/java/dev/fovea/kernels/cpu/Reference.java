package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.NormWeights;

/**
 * The formulas once more in float64, independent of the kernels, together with how far float32 may
 * be off.
 */
final class Reference {

  /** A number and the largest error that rounding in float32 may have given it. */
  record Bounded(double value, double error) {

    /** How rounding errors of the two arguments and of the function itself add up. */
    static Bounded of(double value, double slope, Bounded argument) {
      return new Bounded(
          value, slope * argument.error + 4 * VerbTest.ROUNDING * Math.abs(value) + 1e-30);
    }
  }

  private Reference() {}

  /**
   * {@code norm(x)}; errors: four roundings of each of the two terms that are added up at the end.
   */
  static Bounded[] norm(float[] x, NormWeights norm) {
    double mean = 0;
    for (float v : x) {
      mean += (double) v / x.length;
    }
    double variance = 0;
    for (float v : x) {
      variance += (v - mean) * (v - mean) / x.length;
    }
    double deviation = Math.sqrt(variance + norm.epsilon());
    Bounded[] result = new Bounded[x.length];
    for (int j = 0; j < x.length; j++) {
      double scaled = (x[j] - mean) / deviation * norm.weight()[j];
      double terms = Math.abs(scaled) + Math.abs(norm.bias()[j]);
      double meanError = Math.abs(mean * norm.weight()[j] / deviation);
      result[j] =
          new Bounded(scaled + norm.bias()[j], 8 * VerbTest.ROUNDING * (terms + 0.25 * meanError));
    }
    return result;
  }

  static Bounded[] exact(float[] x) {
    Bounded[] result = new Bounded[x.length];
    for (int j = 0; j < x.length; j++) {
      result[j] = new Bounded(x[j], 0);
    }
    return result;
  }

  /**
   * {@code a w + b}. A sum of n products, whatever the order of its n roundings, is off by at most
   * n 2^-24 times the sum of the products' absolute values (N. J. Higham, "Accuracy and Stability
   * of Numerical Algorithms", section 3.1), and each product by its factors' errors.
   */
  static Bounded linear(Bounded[] a, float[] weight, int row, float bias) {
    double sum = bias;
    double size = Math.abs(bias);
    double inherited = 0;
    for (int k = 0; k < a.length; k++) {
      double w = weight[row * a.length + k];
      sum += a[k].value * w;
      size += Math.abs(a[k].value * w);
      inherited += a[k].error * Math.abs(w);
    }
    return new Bounded(sum, inherited + (a.length + 2) * VerbTest.ROUNDING * size);
  }

  /** An activation of one argument; no slope is above 1.13. */
  static Bounded activate(Activation activation, Bounded x) {
    return switch (activation) {
      case NONE -> x;
      case GELU -> {
        double value = 0.5 * x.value * (1 + erf(x.value / Math.sqrt(2)));
        yield new Bounded(value, 1.13 * x.error + 5e-7);
      }
      case QUICK_GELU -> Bounded.of(x.value / (1 + Math.exp(-1.702 * x.value)), 1.13, x);
      case SWIGLU -> throw new IllegalArgumentException();
    };
  }

  static Bounded swiglu(Bounded gate, Bounded up) {
    Bounded silu = Bounded.of(gate.value / (1 + Math.exp(-gate.value)), 1.13, gate);
    double value = silu.value * up.value;
    double error =
        silu.error * Math.abs(up.value)
            + up.error * Math.abs(silu.value)
            + 2 * VerbTest.ROUNDING * Math.abs(value);
    return new Bounded(value, error);
  }

  /** By its power series with positive terms (Abramowitz and Stegun 7.1.6). */
  static double erf(double x) {
    if (Math.abs(x) > 6) {
      return Math.signum(x);
    }
    double term = x;
    double sum = 0;
    for (int n = 0; n < 200; n++) {
      sum += term;
      term *= 2 * x * x / (2 * n + 3);
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }
}
