package dev.fovea.probes;

import java.util.Objects;

/**
 * {@code y = W x + b}: what every linear probe and every classification head is.
 *
 * @param inputs numbers in x
 * @param weight [outputs, inputs], row-major
 * @param bias [outputs]
 */
public record LinearMap(int inputs, float[] weight, float[] bias) {

  /** Checks that the arrays fit each other. */
  public LinearMap {
    Objects.requireNonNull(weight, "weight");
    Objects.requireNonNull(bias, "bias");
    if (inputs < 1 || bias.length < 1 || weight.length != (long) inputs * bias.length) {
      throw new IllegalArgumentException(
          String.format(
              "a linear map of %d inputs and %d outputs has %d weights, got %d",
              inputs, bias.length, (long) inputs * bias.length, weight.length));
    }
  }

  /** Numbers in y. */
  public int outputs() {
    return bias.length;
  }

  /**
   * The outputs for one input; sums in float64.
   *
   * @throws IllegalArgumentException if the input is not as long as {@link #inputs}
   */
  public double[] apply(float[] x) {
    if (x.length != inputs) {
      throw new IllegalArgumentException("expected " + inputs + " numbers, got " + x.length);
    }
    double[] y = new double[bias.length];
    for (int row = 0; row < y.length; row++) {
      double sum = bias[row];
      for (int i = 0; i < inputs; i++) {
        sum += (double) weight[row * inputs + i] * x[i];
      }
      y[row] = sum;
    }
    return y;
  }

  /** The output that is largest; of equal ones the first. */
  public int largest(float[] x) {
    return largest(apply(x));
  }

  /** Where the largest of some numbers is; of equal ones the first. */
  static int largest(double[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }
}
