package dev.fovea.kernels;

/**
 * What {@link Recorder#patchEmbed} puts into the tokens of one image size: the finished prefix rows
 * and what is added to every patch.
 *
 * @param prefix rows before the first patch: CLS (its position already added), then registers
 *     (which have none)
 * @param width channels
 * @param rows [prefix + patches, width] row-major: prefix rows are stored as they are, patch rows
 *     are added to the projected patch
 */
public record PositionTable(int prefix, int width, float[] rows) {

  /** Checks the sizes against each other. */
  public PositionTable {
    if (width <= 0 || prefix < 0 || rows.length % width != 0 || rows.length / width < prefix) {
      throw new IllegalArgumentException(
          "a position table of "
              + rows.length
              + " elements cannot hold "
              + prefix
              + " prefix rows of width "
              + width);
    }
  }

  /** Tokens of one image: prefix and patches. */
  public int tokens() {
    return rows.length / width;
  }
}
