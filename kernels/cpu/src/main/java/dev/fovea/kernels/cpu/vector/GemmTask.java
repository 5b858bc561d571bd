package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;

/**
 * The matrix product of some rows of every image with a packed weight, its way in and its way out
 * left to the verb.
 *
 * <p>The rows of all images make one list. A piece packs a group of row tiles once, then runs every
 * panel of a group of columns over them, so a panel is read from memory once a row group and stays
 * in the second-level cache meanwhile. The inner dimension is never split: an element's arithmetic
 * does not depend on the rows and columns beside it.
 */
abstract class GemmTask implements Task {

  private static final int TILES_PER_GROUP = 3;

  /** With fewer pieces than this, rows are split by columns too. */
  private static final int ENOUGH_PIECES = 16;

  private static final int FEWEST_PANELS = 6;

  private final Rows rows;
  private final int allRows;
  private final PanelLinear linear;
  private final Columns columns;
  private final Scratch scratch;
  private final int firstPanel;
  private final int panels;
  private final int tiles;
  private final int rowGroups;
  private final int columnGroups;

  GemmTask(int images, Rows rows, PanelLinear linear, Columns columns, Scratch scratch) {
    this.rows = rows;
    this.linear = linear;
    this.columns = columns;
    this.scratch = scratch;
    allRows = Math.multiplyExact(images, rows.count());
    firstPanel = columns.first() / linear.panelOutputs();
    panels = Lanes.steps(columns.end(), linear.panelOutputs()) - firstPanel;
    tiles = Lanes.steps(allRows, TILE);
    rowGroups = Lanes.steps(tiles, TILES_PER_GROUP);
    columnGroups =
        Math.min(
            Lanes.steps(ENOUGH_PIECES, Math.max(1, rowGroups)), Lanes.steps(panels, FEWEST_PANELS));
    scratch.reserve(widened() + (linear.isHalf() ? linear.panelSize() : 0));
  }

  // Scratch memory of a slot: packed rows, one tile for the epilogue, one row, one widened panel.

  private int tileOffset() {
    return TILES_PER_GROUP * TILE * linear.inputs();
  }

  private int rowOffset() {
    return tileOffset() + Epilogue.SCRATCH;
  }

  private int widened() {
    return rowOffset() + linear.inputs() + RowNorm.SCRATCH;
  }

  /**
   * Reads one row of the left matrix.
   *
   * @param target element k goes to {@code target[offset + k * TILE]}
   * @param row memory in {@code target} for one row and {@link RowNorm#SCRATCH} more
   */
  abstract void packRow(int image, int imageRow, float[] target, int offset, int row);

  /** Does to a whole tile what does not depend on its place in the result. */
  abstract void finish(float[] tile, int offset, int panel);

  /** Brings a part of a row of a finished tile to the columns from {@code column} on. */
  abstract void store(
      float[] tile, int offset, int image, int imageRow, int column, int columnCount);

  @Override
  public int count() {
    return rowGroups * columnGroups;
  }

  @Override
  public void run(int index, int slot) {
    int rowGroup = index / columnGroups;
    int columnGroup = index % columnGroups;
    int firstTile = share(tiles, rowGroup, rowGroups);
    int endTile = share(tiles, rowGroup + 1, rowGroups);
    float[] memory = scratch.of(slot);
    packRows(firstTile * TILE, Math.min(endTile * TILE, allRows), memory);
    int endPanel = firstPanel + share(panels, columnGroup + 1, columnGroups);
    for (int p = firstPanel + share(panels, columnGroup, columnGroups); p < endPanel; p++) {
      float[] b = linear.floats();
      int from = p * linear.panelSize();
      if (linear.isHalf()) {
        b = memory;
        from = widened();
        linear.widen(p, memory, from);
      }
      for (int tile = firstTile; tile < endTile; tile++) {
        int a = (tile - firstTile) * TILE * linear.inputs();
        int c = tileOffset();
        int chain = c + MicroKernel.SCRATCH; // The epilogue's second tile, which it needs later.
        MicroKernel.multiply(
            memory, a, TILE, b, from, PANEL, linear.inputs(), memory, c, PANEL, memory, chain);
        finish(memory, c, p);
        storeTile(memory, tile * TILE, p);
      }
    }
  }

  /** Where part {@code number} of {@code parts} parts, which differ by one at most, starts. */
  private static int share(int total, int number, int parts) {
    return (int) ((long) total * number / parts);
  }

  private void packRows(int first, int end, float[] memory) {
    int image = first / rows.count();
    int row = first % rows.count();
    for (int i = 0; i < end - first; i++) {
      int to = i / TILE * TILE * linear.inputs() + i % TILE;
      packRow(image, rows.first() + row, memory, to, rowOffset());
      if (++row == rows.count()) {
        row = 0;
        image++;
      }
    }
  }

  private void storeTile(float[] memory, int first, int panel) {
    int panelStart = panel * linear.panelOutputs();
    int start = Math.max(columns.first(), panelStart);
    int count = Math.min(columns.end(), panelStart + linear.panelOutputs()) - start;
    int from = tileOffset() + start - panelStart;
    int image = first / rows.count();
    int row = first % rows.count();
    for (int i = 0; i < Math.min(TILE, allRows - first); i++) {
      store(memory, from + i * PANEL, image, rows.first() + row, start, count);
      if (++row == rows.count()) {
        row = 0;
        image++;
      }
    }
  }

  /** Spreads a row over a tile. */
  static void spread(float[] row, int from, int width, float[] target, int offset) {
    for (int k = 0; k < width; k++) {
      target[offset + k * TILE] = row[from + k];
    }
  }
}
