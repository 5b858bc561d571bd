package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;

import dev.fovea.kernels.NormWeights;
import jdk.incubator.vector.FloatVector;

/**
 * LayerNorm of one row.
 *
 * <p>The statistics take two passes: a first mean, then the sums of the deviations from it and of
 * their squares. The sum of the deviations corrects the rounding of the first mean (T. F. Chan, G.
 * H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance", 1983). Lanes are added
 * up in float64 and in order.
 */
final class RowNorm {

  /** Floats of lane memory that {@link #apply} uses. */
  static final int SCRATCH = 2 * COUNT;

  private RowNorm() {}

  /**
   * Normalises a row.
   *
   * @param to gets the row; may be {@code from} at the same offset
   * @param lanes memory for {@link #SCRATCH} floats at {@code laneOffset}
   */
  static void apply(
      float[] from,
      int fromOffset,
      NormWeights norm,
      float[] to,
      int toOffset,
      float[] lanes,
      int laneOffset) {
    int width = norm.width();
    int whole = SPECIES.loopBound(width);
    float mean = mean(from, fromOffset, width, whole, lanes, laneOffset);
    deviations(from, fromOffset, whole, mean, lanes, laneOffset);
    double sum = sum(lanes, laneOffset);
    double squares = sum(lanes, laneOffset + COUNT);
    for (int i = whole; i < width; i++) {
      double deviation = from[fromOffset + i] - mean;
      sum += deviation;
      squares += deviation * deviation;
    }
    double correction = sum / width;
    double variance = squares / width - correction * correction;
    double scale = 1 / Math.sqrt(variance + norm.epsilon());
    float factor = (float) scale;
    float shift = (float) (-correction * scale);
    transform(from, fromOffset, norm, mean, factor, shift, to, toOffset);
  }

  private static float mean(
      float[] from, int offset, int width, int whole, float[] lanes, int laneOffset) {
    FloatVector sums = FloatVector.zero(SPECIES);
    for (int i = 0; i < whole; i += COUNT) {
      sums = sums.add(FloatVector.fromArray(SPECIES, from, offset + i));
    }
    sums.intoArray(lanes, laneOffset);
    double sum = sum(lanes, laneOffset);
    for (int i = whole; i < width; i++) {
      sum += from[offset + i];
    }
    return (float) (sum / width);
  }

  /** Leaves the sums of the deviations and, one vector behind, of their squares in the lanes. */
  private static void deviations(
      float[] from, int offset, int whole, float mean, float[] lanes, int laneOffset) {
    FloatVector sums = FloatVector.zero(SPECIES);
    FloatVector squares = FloatVector.zero(SPECIES);
    for (int i = 0; i < whole; i += COUNT) {
      FloatVector deviation = FloatVector.fromArray(SPECIES, from, offset + i).sub(mean);
      sums = sums.add(deviation);
      squares = deviation.fma(deviation, squares);
    }
    sums.intoArray(lanes, laneOffset);
    squares.intoArray(lanes, laneOffset + COUNT);
  }

  private static double sum(float[] lanes, int laneOffset) {
    double sum = 0;
    for (int lane = 0; lane < COUNT; lane++) {
      sum += lanes[laneOffset + lane];
    }
    return sum;
  }

  private static void transform(
      float[] from,
      int fromOffset,
      NormWeights norm,
      float mean,
      float factor,
      float shift,
      float[] to,
      int toOffset) {
    float[] weight = norm.weight();
    float[] bias = norm.bias();
    int whole = SPECIES.loopBound(weight.length);
    FloatVector factors = FloatVector.broadcast(SPECIES, factor);
    FloatVector shifts = FloatVector.broadcast(SPECIES, shift);
    for (int i = 0; i < whole; i += COUNT) {
      FloatVector deviation = FloatVector.fromArray(SPECIES, from, fromOffset + i).sub(mean);
      deviation
          .fma(factors, shifts)
          .fma(FloatVector.fromArray(SPECIES, weight, i), FloatVector.fromArray(SPECIES, bias, i))
          .intoArray(to, toOffset + i);
    }
    for (int i = whole; i < weight.length; i++) {
      float deviation = from[fromOffset + i] - mean;
      to[toOffset + i] = Math.fma(Math.fma(deviation, factor, shift), weight[i], bias[i]);
    }
  }
}
