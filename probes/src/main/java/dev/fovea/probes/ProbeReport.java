package dev.fovea.probes;

import java.util.List;
import java.util.OptionalDouble;

/**
 * What probes have found.
 *
 * @param cutoff norm above which a patch counted as outlier, where patches were looked at and any
 *     stand out
 * @param classification one entry for each token, where images were classified
 * @param patches one entry each for normal patches and outliers, where position or pixels were told
 */
public record ProbeReport(
    OptionalDouble cutoff, List<TokenScore> classification, List<PatchScore> patches) {

  /**
   * How well images are classified from one token.
   *
   * @param token its {@link Token#label}
   * @param train images to learn from that have such a token
   * @param validation images to test on that have one
   * @param linear accuracy of the linear probe, 0 to 1
   * @param neighbours accuracy of nearest neighbours, 0 to 1
   */
  public record TokenScore(
      String token, int train, int validation, OptionalDouble linear, OptionalDouble neighbours) {}

  /**
   * What tokens of patches tell of their patch, in the validation images.
   *
   * @param outliers whether these patches are the outliers
   * @param patches how many there were
   * @param position share whose position is found, 0 to 1
   * @param distance mean distance of the position found to the true one, in patches
   * @param pixels mean L2 distance of the pixels found to the true ones, of normalised values
   */
  public record PatchScore(
      boolean outliers,
      long patches,
      OptionalDouble position,
      OptionalDouble distance,
      OptionalDouble pixels) {}
}
