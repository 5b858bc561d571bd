package dev.fovea;

/**
 * How the patches of an image lie; they are numbered row by row.
 *
 * @param rows patches from top to bottom
 * @param columns patches from left to right
 */
public record PatchGrid(int rows, int columns) {

  /** Checks that there are patches. */
  public PatchGrid {
    if (rows < 1 || columns < 1) {
      throw new IllegalArgumentException(
          "a grid has at least one patch, got %d x %d".formatted(rows, columns));
    }
  }

  /** Patches in all. */
  public int patches() {
    return Math.multiplyExact(rows, columns);
  }

  /** The row of a patch. */
  public int row(int patch) {
    return patch / columns;
  }

  /** The column of a patch. */
  public int column(int patch) {
    return patch % columns;
  }

  @Override
  public String toString() {
    return rows + " x " + columns;
  }
}
