package dev.fovea.probes;

import java.util.Collection;

/**
 * Which patches are outliers: those whose norm before the final LayerNorm is above a cutoff.
 *
 * @param cutoff L2 norm
 */
public record Outliers(double cutoff) {

  /** Whether a patch is one. */
  public boolean contains(PatchTokens patches, int patch) {
    return patches.norms()[patch] > cutoff;
  }

  /** Those above the mean of all norms by more than three standard deviations. */
  public static Outliers threeSigma(Collection<float[]> norms) {
    long count = 0;
    double sum = 0;
    double squares = 0;
    for (float[] image : norms) {
      for (float norm : image) {
        sum += norm;
        squares += (double) norm * norm;
      }
      count += image.length;
    }
    double mean = sum / count;
    double variance = Math.max(0, squares / count - mean * mean);
    return new Outliers(mean + 3 * Math.sqrt(variance));
  }
}
