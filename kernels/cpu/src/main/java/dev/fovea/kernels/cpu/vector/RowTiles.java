package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE_SIZE;

import dev.fovea.kernels.cpu.Sizes;

/**
 * How the rows of a left matrix lie for {@link MicroKernel}: in tiles of {@link Lanes#TILE} rows by
 * {@link Lanes#PANEL} columns, the tiles of the same rows one after another.
 *
 * <p>Those are the tiles that the micro-kernel writes: scores are the left matrix of the product
 * with the values as they are. A row stays in runs of a panel's width, so bringing it here is
 * copying, not transposing.
 */
final class RowTiles {

  /**
   * Longest chain of fused multiply-adds; longer products are sums of chains. The rounding error of
   * a chain grows with the square root of its length, and every chain costs a call and one more
   * visit to its results ({@code bench/JOURNAL.md} has the table).
   */
  static final int CHAIN = 384;

  private RowTiles() {}

  /** Floats of a tile's rows of this width. */
  static int size(int width) {
    return Lanes.steps(width, PANEL) * TILE_SIZE;
  }

  /** Floats of the tiles of all these rows. */
  static int size(int rows, int width) {
    return Sizes.elements("packed rows", Lanes.steps(rows, TILE), size(width));
  }

  /** Where a row starts. */
  static int offset(int row, int width) {
    return row / TILE * size(width) + row % TILE * PANEL;
  }

  /** Brings a row to the tiles; {@code to} is its {@link #offset}. */
  static void write(float[] row, int from, int width, float[] tiles, int to) {
    int whole = width / PANEL * PANEL;
    for (int k = 0; k < whole; k += PANEL) {
      Epilogue.copy(row, from + k, 1, PANEL, tiles, to + k * TILE, 0);
    }
    if (whole < width) {
      System.arraycopy(row, from + whole, tiles, to + whole * TILE, width - whole);
    }
  }
}
