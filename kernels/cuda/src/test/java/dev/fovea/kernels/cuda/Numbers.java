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

  static float[] rounded(double[] numbers, Precision precision) {
    float[] result = new float[numbers.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = rounded(numbers[i], precision);
    }
    return result;
  }

  /** Checks that a result is at most 1.2 times as wrong as the best that 16 bits allow. */
  static void assertNearlyBest(float[] got, float[] best, double[] exact) {
    double floor = error(best, exact);
    assertThat(error(got, exact))
        .as("relative L2 error; %s cannot be avoided", floor)
        .isLessThanOrEqualTo(1.2 * floor);
  }

  /** The first elements of every image, image after image. */
  static float[] firstOfEach(float[] numbers, int images, int elements) {
    float[] firsts = new float[images * elements];
    for (int image = 0; image < images; image++) {
      System.arraycopy(
          numbers, image * (numbers.length / images), firsts, image * elements, elements);
    }
    return firsts;
  }

  /** The first elements of every image, and in the place of the others those of another array. */
  static float[] firstOfEachOver(float[] numbers, float[] others, int images, int elements) {
    float[] result = others.clone();
    for (int from = 0; from < result.length; from += result.length / images) {
      System.arraycopy(numbers, from, result, from, elements);
    }
    return result;
  }
}
