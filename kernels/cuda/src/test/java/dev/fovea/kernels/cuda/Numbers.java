package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;

/** Random operands, and errors beside those that rounding cannot avoid. */
final class Numbers {

  private Numbers() {}

  /** Normally distributed. */
  static float[] random(long seed, int count, double mean, double deviation) {
    Random random = new Random(seed);
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) (mean + deviation * random.nextGaussian());
    }
    return numbers;
  }

  /** What 16 bits keep of a number. */
  static float rounded(double number, Precision precision) {
    return precision.widen(precision.round((float) number));
  }

  static float[] rounded(float[] numbers, Precision precision) {
    float[] result = new float[numbers.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = rounded(numbers[i], precision);
    }
    return result;
  }

  /** Relative L2 error. */
  static double error(float[] got, double[] exact) {
    assertThat(got).hasSize(exact.length);
    double difference = 0;
    double squares = 0;
    for (int i = 0; i < exact.length; i++) {
      difference += (got[i] - exact[i]) * (got[i] - exact[i]);
      squares += exact[i] * exact[i];
    }
    return Math.sqrt(difference / squares);
  }

  /** The error of nothing but rounding the exact result to 16 bits. */
  static double floor(double[] exact, Precision precision) {
    float[] rounded = new float[exact.length];
    for (int i = 0; i < exact.length; i++) {
      rounded[i] = rounded(exact[i], precision);
    }
    return error(rounded, exact);
  }

  /**
   * Checks that a 16-bit result is at most {@code factor} times as wrong as a rounded exact one.
   */
  static void assertRounded(float[] got, double[] exact, Precision precision, double factor) {
    assertThat(error(got, exact))
        .as("relative L2 error; %s for a rounded exact result", floor(exact, precision))
        .isLessThanOrEqualTo(factor * floor(exact, precision));
  }
}
