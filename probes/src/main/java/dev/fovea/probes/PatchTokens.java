package dev.fovea.probes;

import java.util.Arrays;

/**
 * The patches of one image, in row-major order.
 *
 * @param rows of patches
 * @param columns of patches
 * @param tokens after the final LayerNorm, [rows x columns, D]
 * @param norms L2 norms before it, where outliers are visible, [rows x columns]
 */
public record PatchTokens(int rows, int columns, float[] tokens, float[] norms) {

  /** Patches of the image. */
  public int count() {
    return norms.length;
  }

  /** Channels of a token, D. */
  public int width() {
    return tokens.length / norms.length;
  }

  /** One token, [D]. */
  public float[] token(int patch) {
    return Arrays.copyOfRange(tokens, patch * width(), (patch + 1) * width());
  }

  /** How far two patches are from each other, centre to centre, in patches. */
  public double distance(int a, int b) {
    return Math.hypot(a / columns - b / columns, a % columns - b % columns);
  }
}
