package dev.fovea.bench.gpu;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/** Operands from a formula, and functions in float64. */
final class Numbers {

  private static final double GAUSS_PIECES = 200;

  private Numbers() {}

  /** Uniformly distributed. */
  static float[] random(String name, int count, double mean, double deviation) {
    float[] numbers = SyntheticCheckpoint.uniform(name, 1, count);
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) (mean + deviation * Math.sqrt(3) * numbers[i]);
    }
    return numbers;
  }

  /** Bytes of pictures that look like nothing. */
  static byte[] bytes(String name, int count) {
    float[] numbers = SyntheticCheckpoint.uniform(name, 1, count);
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = (byte) (128 + 127 * numbers[i]);
    }
    return bytes;
  }

  /** Every number rounded. */
  static float[] rounded(float[] numbers, DoubleUnaryOperator rounding) {
    float[] result = new float[numbers.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) rounding.applyAsDouble(numbers[i]);
    }
    return result;
  }

  /** Sum of the squared errors of nothing but rounding. */
  static double roundingErrors(double[] exact, DoubleUnaryOperator rounding) {
    double sum = 0;
    for (double number : exact) {
      double error = rounding.applyAsDouble(number) - number;
      sum += error * error;
    }
    return sum;
  }

  /** L2 norm. */
  static double length(double[] numbers) {
    return Math.sqrt(Arrays.stream(numbers).map(Numbers::square).sum());
  }

  static double square(double x) {
    return x * x;
  }

  /** {@code x / (1 + e^-x)}. */
  static double silu(double x) {
    return x / (1 + Math.exp(-x));
  }

  /**
   * By integration of the normal density from 0 on, Simpson's rule: the error is below 1e-9, which
   * 16 bits do not see.
   */
  static double gelu(double x) {
    double end = Math.min(Math.abs(x), 8);
    double step = end / GAUSS_PIECES;
    double sum = 0;
    for (int i = 0; i <= GAUSS_PIECES; i++) {
      double weight = i == 0 || i == GAUSS_PIECES ? 1 : i % 2 == 1 ? 4 : 2;
      sum += weight * Math.exp(-0.5 * square(i * step));
    }
    double area = sum * step / 3 / Math.sqrt(2 * Math.PI);
    return x * (0.5 + Math.copySign(area, x));
  }
}
