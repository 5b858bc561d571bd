package dev.fovea.kernels;

/**
 * The patch projection: a convolution whose stride is its kernel, so every patch is one row of a
 * matrix product.
 *
 * @param weight [width, 3, patch, patch] row-major, as checkpoints store it
 * @param bias [width]
 * @param patch side of a patch in pixels
 */
public record PatchEmbedWeights(float[] weight, float[] bias, int patch) {

  /** Checks the sizes against each other. */
  public PatchEmbedWeights {
    Shapes.checkNotEmpty("patch projection bias", bias.length);
    if (patch < 1) {
      throw new IllegalArgumentException("the side of a patch must be positive, got " + patch);
    }
    Shapes.check("patch projection weight", weight.length, 3L * patch * patch * bias.length);
  }

  /** Channels that come out. */
  public int width() {
    return bias.length;
  }
}
