package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

import dev.fovea.kernels.Sizes;

/**
 * How the rows of a left matrix lie for {@link MicroKernel}: in tiles of {@link Lanes#TILE} rows by
 * {@link #CHAIN} columns, the tiles of the same rows one after another.
 *
 * <p>All activation matrices lie like this, and results of the micro-kernel too: queries, scores
 * and the inputs of most products are left matrices as they are. A row stays in runs of a chain, so
 * bringing it here is copying, not transposing.
 */
final class RowTiles {

  /**
   * Longest chain of fused multiply-adds; longer products are sums of chains. The rounding error of
   * a chain grows with the square root of its length, and every chain costs a call and one more
   * visit to its results ({@code bench/JOURNAL.md} has the table).
   */
  static final int CHAIN = 384;

  /** Floats of a tile. */
  static final int TILE_SIZE = TILE * CHAIN;

  private RowTiles() {}

  /** Floats of a tile's rows of this width. */
  static int size(int width) {
    return Lanes.steps(width, CHAIN) * TILE_SIZE;
  }

  /** Floats of the tiles of all these rows. */
  static int size(int rows, int width) {
    return Sizes.elements("packed rows", Lanes.steps(rows, TILE), size(width));
  }

  /** From the start of a row to one of its columns. */
  static int column(int column) {
    return column / CHAIN * TILE_SIZE + column % CHAIN;
  }

  /** Brings a row to the tiles; {@code to} is where it starts there. */
  static void write(float[] row, int from, int width, float[] tiles, int to) {
    for (int k = 0; k < width; k += CHAIN) {
      System.arraycopy(row, from + k, tiles, to + column(k), Math.min(CHAIN, width - k));
    }
  }
}
