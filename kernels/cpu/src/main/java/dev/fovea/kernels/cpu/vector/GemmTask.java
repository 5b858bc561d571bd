package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE_SIZE;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;
import jdk.incubator.vector.FloatVector;

/**
 * Second half of a matrix product: packed rows with a packed weight; the way out is left to the
 * verb.
 *
 * <p>A piece takes a group of row tiles through a group of panels, chain by chain. A chain of a row
 * tile stays in the first-level cache while the panels pass, a chain of the panels in the second
 * while the rows pass, so rows and weight both come from further away only once a piece. The inner
 * dimension is never split between pieces: an element's arithmetic does not depend on the rows and
 * columns beside it, nor on how the product is cut.
 */
abstract class GemmTask implements Task {

  /** Most panels of a piece: a chain of them takes 192 KB at 512 bits. */
  private static final int MOST_PANELS = 4;

  /** Most tiles of a piece: with that many panels, their results take 144 KB at 512 bits. */
  private static final int MOST_TILES = 24;

  private static final int PIECES_PER_THREAD = 4;

  private final RowPacking packing;
  private final PanelLinear linear;
  private final Columns columns;
  private final Scratch scratch;
  private final int firstPanel;
  private final int panels;
  private final int panelGroups;
  private final int rowGroups;
  private final int mostTiles;

  GemmTask(RowPacking packing, PanelLinear linear, Columns columns, Scratch scratch) {
    this.packing = packing;
    this.linear = linear;
    this.columns = columns;
    this.scratch = scratch;
    firstPanel = columns.first() / linear.panelOutputs();
    panels = Lanes.steps(columns.end(), linear.panelOutputs()) - firstPanel;
    panelGroups = Math.max(1, Lanes.steps(panels, MOST_PANELS));
    rowGroups = rowGroups(packing.tiles(), panelGroups, scratch.slots());
    mostTiles = Lanes.steps(packing.tiles(), rowGroups);
    scratch.reserve(widened() + (linear.isHalf() ? MOST_PANELS * CHAIN * PANEL : 0));
  }

  /** As few as give every thread its pieces, and all threads as many. */
  private static int rowGroups(int tiles, int panelGroups, int threads) {
    int groups = Math.max(1, Lanes.steps(tiles, MOST_TILES));
    while (groups < tiles
        && (groups * panelGroups < PIECES_PER_THREAD * threads
            || groups * panelGroups % threads != 0)) {
      groups++;
    }
    return groups;
  }

  // Scratch memory of a slot: the tiles of a piece, the epilogue's own, widened chains.

  private int epilogueOffset() {
    return mostTiles * MOST_PANELS * TILE_SIZE;
  }

  private int widened() {
    return epilogueOffset() + Epilogue.SCRATCH;
  }

  /**
   * Does to a whole tile what does not depend on its place in the result.
   *
   * @param scratch where {@link Epilogue#SCRATCH} floats of memory are
   */
  abstract void finish(float[] memory, int tile, int scratch);

  /**
   * Brings rows of a finished tile to the result.
   *
   * @param from where the first of them is in memory, the next {@link Lanes#PANEL} later
   * @param imageRow the image's row that the first is
   * @param column of the result that the first element is
   * @param columnCount elements of a row, a panel's at most
   */
  abstract void store(
      float[] memory, int from, int image, int imageRow, int rowCount, int column, int columnCount);

  @Override
  public int count() {
    return packing.allRows() == 0 ? 0 : rowGroups * panelGroups;
  }

  @Override
  public void run(int index, int slot) {
    int panelGroup = index / rowGroups;
    int rowGroup = index % rowGroups;
    int start = firstPanel + share(panels, panelGroup, panelGroups);
    int end = firstPanel + share(panels, panelGroup + 1, panelGroups);
    int firstTile = share(packing.tiles(), rowGroup, rowGroups);
    int endTile = share(packing.tiles(), rowGroup + 1, rowGroups);
    float[] memory = scratch.of(slot);
    for (int step = 0; step < linear.inputs(); step += CHAIN) {
      multiply(step, start, end, firstTile, endTile, memory);
    }
    int tile = 0;
    for (int rows = firstTile; rows < endTile; rows++) {
      for (int panel = start; panel < end; panel++, tile += TILE_SIZE) {
        Epilogue.addRow(memory, tile, linear.bias(), panel * PANEL);
        finish(memory, tile, epilogueOffset());
        storeTile(memory, tile, rows * TILE, panel);
      }
    }
  }

  /** Adds the product of one chain to all tiles of a piece. */
  private void multiply(int step, int start, int end, int firstTile, int endTile, float[] memory) {
    int steps = Math.min(CHAIN, linear.inputs() - step);
    float[] b = linear.floats();
    int from = start * linear.panelSize() + step * PANEL;
    int apart = linear.panelSize();
    if (linear.isHalf()) {
      for (int panel = start; panel < end; panel++) {
        int to = widened() + (panel - start) * CHAIN * PANEL;
        linear.widen(from + (panel - start) * apart, steps * PANEL, memory, to);
      }
      b = memory;
      from = widened();
      apart = CHAIN * PANEL;
    } else {
      for (int panel = start; panel < end; panel++) {
        touch(b, from + (panel - start) * apart, steps * PANEL, memory, epilogueOffset());
      }
    }
    float[] rows = packing.memory();
    int size = RowTiles.size(linear.inputs());
    int c = 0;
    for (int tile = firstTile; tile < endTile; tile++) {
      int a = tile * size + step * TILE;
      for (int panel = start; panel < end; panel++, c += TILE_SIZE) {
        int panelStart = from + (panel - start) * apart;
        if (step == 0) {
          MicroKernel.multiply(rows, a, b, panelStart, steps, memory, c);
        } else {
          MicroKernel.multiplyAdd(rows, a, b, panelStart, steps, memory, c, epilogueOffset());
        }
      }
    }
  }

  /**
   * Reads weights for the sake of the caches. Memory gives one core 35 GB/s when all that the core
   * does is wait for it, but a third of that to the first tile of a piece, which has few reads in
   * flight beside its arithmetic (AMD EPYC, Zen 5: 5 to 8 % of a forward pass).
   */
  private static void touch(float[] weights, int from, int count, float[] memory, int to) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int i = from; i <= from + count - 4 * COUNT; i += 4 * COUNT) {
      s0 = s0.add(FloatVector.fromArray(SPECIES, weights, i));
      s1 = s1.add(FloatVector.fromArray(SPECIES, weights, i + COUNT));
      s2 = s2.add(FloatVector.fromArray(SPECIES, weights, i + 2 * COUNT));
      s3 = s3.add(FloatVector.fromArray(SPECIES, weights, i + 3 * COUNT));
    }
    s0.add(s1).add(s2).add(s3).intoArray(memory, to);
  }

  /** Where part {@code number} of {@code parts} parts, which differ by one at most, starts. */
  private static int share(int total, int number, int parts) {
    return (int) ((long) total * number / parts);
  }

  /** Stores the valid rows and columns, those of one image at a time. */
  private void storeTile(float[] memory, int offset, int first, int panel) {
    Rows rows = packing.rows();
    int panelStart = panel * linear.panelOutputs();
    int start = Math.max(columns.first(), panelStart);
    int count = Math.min(columns.end(), panelStart + linear.panelOutputs()) - start;
    int end = Math.min(first + TILE, packing.allRows());
    for (int row = first; row < end; ) {
      int imageRow = row % rows.count();
      int rowCount = Math.min(end - row, rows.count() - imageRow);
      int from = offset + (row - first) * PANEL + start - panelStart;
      store(memory, from, row / rows.count(), rows.first() + imageRow, rowCount, start, count);
      row += rowCount;
    }
  }
}
