package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;

/**
 * First half of a matrix product whose left matrix has to be computed: once, for all panels of the
 * weight.
 */
abstract class RowPacking implements Task {

  private static final int MOST_TILES = 2;

  private final LeftRows rows;
  private final Scratch scratch;
  private final int pieces;

  /**
   * @param memory floats that {@link #pack} needs
   */
  RowPacking(LeftRows rows, int memory, Scratch scratch) {
    this.rows = rows;
    this.scratch = scratch;
    pieces = Shares.parts(rows.tiles(), MOST_TILES, 1, scratch.slots());
    scratch.reserve(memory);
  }

  /**
   * Computes one row.
   *
   * @param tiles gets the row, see {@link RowTiles}
   * @param to where it starts there
   * @param memory of this thread, from index 0
   */
  abstract void pack(int image, int imageRow, float[] tiles, int to, float[] memory);

  @Override
  public int count() {
    return pieces;
  }

  @Override
  public void run(int index, int slot) {
    int end = Shares.start(rows.tiles(), index + 1, pieces);
    for (int tile = Shares.start(rows.tiles(), index, pieces); tile < end; tile++) {
      for (int row = rows.first(tile); row < rows.end(tile); row++) {
        int to = rows.offset(tile) + (row - rows.tileRow(tile)) * CHAIN;
        pack(rows.image(tile), row, rows.data(), to, scratch.of(slot));
      }
    }
  }
}
