package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;

/**
 * First half of a matrix product: brings some rows of every image into {@link RowTiles}, in shared
 * scratch memory, once for all panels of the weight.
 *
 * <p>The rows of all images make one list.
 */
abstract class RowPacking implements Task {

  private static final int TILES_PER_PIECE = 2;

  private final Rows rows;
  private final int width;
  private final int allRows;
  private final Scratch scratch;

  /**
   * @param width elements of a row
   */
  RowPacking(int images, Rows rows, int width, Scratch scratch) {
    this.rows = rows;
    this.width = width;
    this.scratch = scratch;
    allRows = Math.multiplyExact(images, rows.count());
    scratch.reserveShared(RowTiles.size(Math.max(1, allRows), width));
    scratch.reserve(width + RowNorm.SCRATCH);
  }

  /**
   * Reads one row.
   *
   * @param tiles gets the row, see {@link RowTiles#write}
   * @param to where it starts there
   * @param memory for one row and {@link RowNorm#SCRATCH} floats more, from index 0
   */
  abstract void pack(int image, int imageRow, float[] tiles, int to, float[] memory);

  /** Rows of each image. */
  Rows rows() {
    return rows;
  }

  /** Rows of all images. */
  int allRows() {
    return allRows;
  }

  int tiles() {
    return Lanes.steps(allRows, TILE);
  }

  /** The packed rows; valid while the next task runs. */
  float[] memory() {
    return scratch.shared();
  }

  @Override
  public int count() {
    return Lanes.steps(tiles(), TILES_PER_PIECE);
  }

  @Override
  public void run(int index, int slot) {
    int first = index * TILES_PER_PIECE * TILE;
    int end = Math.min(first + TILES_PER_PIECE * TILE, allRows);
    int image = first / rows.count();
    int row = first % rows.count();
    for (int i = first; i < end; i++) {
      pack(image, rows.first() + row, memory(), RowTiles.offset(i, width), scratch.of(slot));
      if (++row == rows.count()) {
        row = 0;
        image++;
      }
    }
  }
}
