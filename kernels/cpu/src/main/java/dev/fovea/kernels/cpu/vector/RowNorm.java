package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;
import static dev.fovea.kernels.cpu.vector.RowTiles.TILE_SIZE;
import static dev.fovea.kernels.cpu.vector.RowTiles.column;

import dev.fovea.kernels.NormWeights;
import jdk.incubator.vector.FloatVector;

/**
 * LayerNorm of one row.
 *
 * <p>The statistics take two passes: a first mean, then the sums of the deviations from it and of
 * their squares. The sum of the deviations corrects the rounding of the first mean (T. F. Chan, G.
 * H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample Variance", 1983). Lanes are added
 * up in float64.
 */
final class RowNorm {

  /** Floats of lane memory that {@link #apply} uses. */
  static final int SCRATCH = 2 * COUNT;

  private RowNorm() {}

  /**
   * Normalises a row of {@link RowTiles}.
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
    float mean = mean(from, fromOffset, width, lanes, laneOffset);
    deviations(from, fromOffset, width, mean, lanes, laneOffset);
    double sum = sum(lanes, laneOffset, COUNT);
    double squares = sum(lanes, laneOffset + COUNT, COUNT);
    for (int i = SPECIES.loopBound(width); i < width; i++) {
      double deviation = from[fromOffset + column(i)] - mean;
      sum += deviation;
      squares += deviation * deviation;
    }
    double correction = sum / width;
    double variance = squares / width - correction * correction;
    double scale = 1 / Math.sqrt(variance + norm.epsilon());
    float factor = (float) scale;
    float shift = (float) (-correction * scale);
    for (int i = 0; i < width; i += CHAIN) {
      int tile = column(i);
      int count = Math.min(CHAIN, width - i);
      transform(from, fromOffset + tile, norm, i, count, mean, factor, shift, to, toOffset + tile);
    }
  }

  static float mean(float[] from, int offset, int width, float[] lanes, int laneOffset) {
    if (width == 0) {
      return 0;
    }
    FloatVector sums = FloatVector.zero(SPECIES);
    int start = offset;
    for (int chain = 0; chain < width; chain += CHAIN) {
      int whole = SPECIES.loopBound(Math.min(CHAIN, width - chain));
      for (int i = 0; i < whole; i += COUNT) {
        sums = FloatVector.fromArray(SPECIES, from, start + i).add(sums);
      }
      start += TILE_SIZE;
    }
    sums.intoArray(lanes, laneOffset);
    double sum = sum(lanes, laneOffset, COUNT);
    for (int i = SPECIES.loopBound(width); i < width; i++) {
      sum += from[offset + column(i)];
    }
    return (float) (sum / width);
  }

  /** Leaves the sums of the deviations and, one vector behind, of their squares in the lanes. */
  static void deviations(
      float[] from, int offset, int width, float mean, float[] lanes, int laneOffset) {
    if (width == 0) {
      return;
    }
    FloatVector sums = FloatVector.zero(SPECIES);
    FloatVector squares = FloatVector.zero(SPECIES);
    int start = offset;
    for (int chain = 0; chain < width; chain += CHAIN) {
      int whole = SPECIES.loopBound(Math.min(CHAIN, width - chain));
      for (int i = 0; i < whole; i += COUNT) {
        FloatVector deviation = FloatVector.fromArray(SPECIES, from, start + i).sub(mean);
        sums = deviation.add(sums);
        squares = deviation.fma(deviation, squares);
      }
      start += TILE_SIZE;
    }
    sums.intoArray(lanes, laneOffset);
    squares.intoArray(lanes, laneOffset + COUNT);
  }

  /**
   * The sum of some lanes, a multiple of four. Four sums side by side, because each addition waits
   * for the one before.
   */
  static double sum(float[] lanes, int laneOffset, int count) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    for (int lane = laneOffset; lane < laneOffset + count; lane += 4) {
      s0 += lanes[lane];
      s1 += lanes[lane + 1];
      s2 += lanes[lane + 2];
      s3 += lanes[lane + 3];
    }
    return (s0 + s1) + (s2 + s3);
  }

  /** A chain of the row; {@code start} is the column it starts with. */
  static void transform(
      float[] from,
      int fromOffset,
      NormWeights norm,
      int start,
      int count,
      float mean,
      float factor,
      float shift,
      float[] to,
      int toOffset) {
    float[] weight = norm.weight();
    float[] bias = norm.bias();
    if (count == 0) {
      return;
    }
    int whole = SPECIES.loopBound(count);
    FloatVector factors = FloatVector.broadcast(SPECIES, factor);
    FloatVector shifts = FloatVector.broadcast(SPECIES, shift);
    for (int i = 0; i < whole; i += COUNT) {
      FloatVector deviation = FloatVector.fromArray(SPECIES, from, fromOffset + i).sub(mean);
      deviation
          .fma(factors, shifts)
          .fma(
              FloatVector.fromArray(SPECIES, weight, start + i),
              FloatVector.fromArray(SPECIES, bias, start + i))
          .intoArray(to, toOffset + i);
    }
    for (int i = whole; i < count; i++) {
      float deviation = from[fromOffset + i] - mean;
      float normalised = Math.fma(deviation, factor, shift);
      to[toOffset + i] = Math.fma(normalised, weight[start + i], bias[start + i]);
    }
  }
}
