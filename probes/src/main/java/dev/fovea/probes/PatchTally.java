package dev.fovea.probes;

import dev.fovea.probes.ProbeReport.PatchScore;
import java.util.OptionalDouble;

/** Adds up how well position and pixels of patches were told. */
final class PatchTally {

  private final LinearMap positions;
  private final LinearMap pixels;
  private long patches;
  private long found;
  private double distances;
  private double errors;

  /**
   * Nothing yet.
   *
   * @param positions scores of all positions; may be null
   * @param pixels normalised values; may be null
   */
  PatchTally(LinearMap positions, LinearMap pixels) {
    this.positions = positions;
    this.pixels = pixels;
  }

  /** Tests the models on one patch. */
  void add(PatchTokens tokens, int patch, float[] targets) {
    float[] token = tokens.token(patch);
    patches++;
    if (positions != null) {
      int position = positions.largest(token);
      found += position == patch ? 1 : 0;
      distances += tokens.distance(position, patch);
    }
    if (pixels != null) {
      double[] values = pixels.apply(token);
      double squares = 0;
      for (int i = 0; i < values.length; i++) {
        double difference = values[i] - targets[patch * values.length + i];
        squares += difference * difference;
      }
      errors += Math.sqrt(squares);
    }
  }

  PatchScore score(boolean outliers) {
    return new PatchScore(
        outliers,
        patches,
        mean(positions, (double) found),
        mean(positions, distances),
        mean(pixels, errors));
  }

  private OptionalDouble mean(LinearMap asked, double sum) {
    return asked == null || patches == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of(sum / patches);
  }
}
