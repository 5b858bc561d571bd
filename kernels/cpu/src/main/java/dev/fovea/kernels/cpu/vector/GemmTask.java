package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;
import static dev.fovea.kernels.cpu.vector.RowTiles.TILE_SIZE;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;

/**
 * A matrix product of rows in tiles with a packed weight; the way out is left to the verb.
 *
 * <p>A piece takes a group of row tiles through a group of panels, chain by chain. A chain of a row
 * tile stays in the first-level cache while the panels pass, a chain of the panels in the second
 * while the rows pass, so rows and weight both come from further away only once a piece; the weight
 * while the chain before it is multiplied. The inner dimension is never split between pieces: an
 * element's arithmetic does not depend on the rows and columns beside it, nor on how the product is
 * cut.
 */
abstract class GemmTask implements Task {

  /** Most panels of a piece: a chain of them takes 192 KB at 512 bits. */
  private static final int MOST_PANELS = 4;

  /**
   * Where rows are shared out: so many tiles of a panel group a thread leave no thread idle long.
   */
  private static final int TILES_PER_THREAD = 6;

  /** Most tiles of a piece: with that many panels, their results take 147 KB at 512 bits. */
  private static final int MOST_TILES = 288 / TILE;

  private final LeftRows rows;
  private final PanelLinear linear;
  private final Columns columns;
  private final CpuTokens y;
  private final Scratch scratch;
  private final int firstPanel;
  private final int panels;
  private final int panelGroups;
  private final int rowGroups;
  private final int mostTiles;

  /** From a row tile's results to the next one's: results of a single chain are stored at once. */
  private final int resultSize;

  GemmTask(LeftRows rows, PanelLinear linear, Columns columns, CpuTokens y, Scratch scratch) {
    this.rows = rows;
    this.linear = linear;
    this.columns = columns;
    this.y = y;
    this.scratch = scratch;
    firstPanel = columns.first() / linear.panelOutputs();
    panels = Lanes.steps(columns.end(), linear.panelOutputs()) - firstPanel;
    panelGroups = panelGroups(panels, rows.tiles(), scratch.slots());
    rowGroups = Shares.parts(rows.tiles(), MOST_TILES, panelGroups, scratch.slots());
    mostTiles = rowGroups == 0 ? 0 : Lanes.steps(rows.tiles(), rowGroups);
    resultSize = linear.inputs() > CHAIN ? TILE_SIZE : 0;
    scratch.reserve(widened() + (linear.isHalf() ? MOST_PANELS * CHAIN * PANEL : 0));
  }

  /**
   * As few as have {@link #MOST_PANELS} at most and give all threads as many. A thread that has all
   * rows reads a weight that no other one reads; where rows must be shared, every thread reads all,
   * and groups may have to be smaller to go round.
   */
  private static int panelGroups(int panels, int tiles, int threads) {
    for (int size = MOST_PANELS; size >= 2; size--) {
      if (Lanes.steps(panels, size) % threads == 0) {
        return Lanes.steps(panels, size);
      }
    }
    for (int size = MOST_PANELS; size >= 2; size--) {
      int groups = Lanes.steps(panels, size);
      if ((long) groups * tiles >= (long) TILES_PER_THREAD * threads) {
        return groups;
      }
    }
    return Math.max(1, panels);
  }

  // Scratch memory of a slot: a tile for each row tile of a piece (or one for all), of which the
  // piece's panels take the first columns; a tile for multiplyAdd; one for a panel that is stored
  // in part; the epilogue's own; widened chains.

  private int productOffset() {
    return Math.max(TILE_SIZE, mostTiles * resultSize);
  }

  private int partOffset() {
    return productOffset() + TILE_SIZE;
  }

  private int epilogueOffset() {
    return partOffset() + TILE_SIZE;
  }

  private int widened() {
    return epilogueOffset() + Epilogue.SCRATCH;
  }

  /**
   * Brings some rows of a panel to the result; in both, a row is {@link RowTiles#CHAIN} after the
   * one before.
   *
   * @param from where the first row is in memory
   * @param imageRow the image's row that the first is
   * @param panel of the weight
   * @param to where the first row goes in target, {@link PanelLinear#panelOutputs} elements
   * @param scratch where {@link Epilogue#SCRATCH} floats of memory are
   */
  abstract void finish(
      float[] memory,
      int from,
      int rows,
      int imageRow,
      int panel,
      float[] target,
      int to,
      int scratch);

  @Override
  public int count() {
    return rowGroups * panelGroups;
  }

  @Override
  public void run(int index, int slot) {
    int panelGroup = index % panelGroups;
    int rowGroup = index / panelGroups;
    float[] memory = scratch.of(slot);
    float read = 0;
    for (int step = 0; step < linear.inputs(); step += CHAIN) {
      read += multiply(step, panelGroup, rowGroup, memory);
    }
    memory[productOffset()] = read;
  }

  /** Adds the product of one chain to all tiles of a piece; after the last one, stores them. */
  private float multiply(int step, int panelGroup, int rowGroup, float[] memory) {
    int start = groupStart(panelGroup);
    int end = groupStart(panelGroup + 1);
    int steps = Math.min(CHAIN, linear.inputs() - step);
    boolean last = step + CHAIN >= linear.inputs();
    int nextStep = last ? 0 : step + CHAIN;
    int nextGroup = last ? (panelGroup + scratch.slots()) % panelGroups : panelGroup;
    int nextPanel = groupStart(nextGroup);
    int parts = (groupStart(nextGroup + 1) - nextPanel) * MicroKernel.AHEAD_PARTS;
    int part = 0;

    float[] b = linear.floats();
    int from = start * linear.panelSize() + step * PANEL;
    int apart = linear.panelSize();
    if (linear.isHalf()) {
      widen(from, start, end, steps, memory);
      b = memory;
      from = widened();
      apart = CHAIN * PANEL;
    }
    float[] left = rows.data();
    float read = 0;
    int endTile = Shares.start(rows.tiles(), rowGroup + 1, rowGroups);
    int c = 0;
    for (int tile = Shares.start(rows.tiles(), rowGroup, rowGroups); tile < endTile; tile++) {
      int a = rows.offset(tile) + RowTiles.column(step);
      for (int panel = start; panel < end; panel++) {
        int panelStart = from + (panel - start) * apart;
        int to = c + (panel - start) * PANEL;
        int ahead =
            MicroKernel.READS_AHEAD && !linear.isHalf()
                ? ahead(part, nextPanel, nextStep, steps)
                : panelStart;
        part = Math.min(part + 1, parts - 1);
        if (step == 0) {
          read += MicroKernel.multiply(left, a, b, panelStart, steps, memory, to, ahead);
        } else {
          read +=
              MicroKernel.multiplyAdd(
                  left, a, b, panelStart, steps, memory, to, ahead, productOffset());
        }
      }
      if (last) {
        storeTile(memory, c, tile, start, end);
      }
      c += resultSize;
    }
    return read;
  }

  private int groupStart(int panelGroup) {
    return firstPanel + Shares.start(panels, panelGroup, panelGroups);
  }

  private void widen(int from, int start, int end, int steps, float[] memory) {
    for (int panel = start; panel < end; panel++) {
      int to = widened() + (panel - start) * CHAIN * PANEL;
      linear.widen(from + (panel - start) * linear.panelSize(), steps * PANEL, memory, to);
    }
  }

  /**
   * Which weights to read ahead: those of the next chain, or the first of the group that this
   * thread will probably take next, in parts of one call. Memory gives a core 35 GB/s when all that
   * the core does is wait for it, but a third of that to the first tile of a piece, which has few
   * reads in flight beside its arithmetic.
   */
  private int ahead(int part, int panel, int step, int steps) {
    int nextSteps = Math.min(CHAIN, linear.inputs() - step);
    int start = (panel + part / MicroKernel.AHEAD_PARTS) * linear.panelSize() + step * PANEL;
    int at = start + part % MicroKernel.AHEAD_PARTS * MicroKernel.AHEAD * nextSteps;
    return Math.min(at, linear.floats().length - MicroKernel.AHEAD * steps);
  }

  /** Stores the wanted rows of a tile. */
  private void storeTile(float[] memory, int offset, int tile, int start, int end) {
    int first = rows.first(tile);
    int count = rows.end(tile) - first;
    int from = offset + (first - rows.tileRow(tile)) * CHAIN;
    for (int panel = start; panel < end; panel++) {
      storePanel(memory, from, rows.image(tile), first, count, panel);
      from += PANEL;
    }
  }

  /** A panel beyond the result's last column may write there, but not beside wanted columns. */
  private void storePanel(float[] memory, int from, int image, int row, int count, int panel) {
    int outputs = linear.panelOutputs();
    int start = panel * outputs;
    int to = y.offset(image, row, start);
    boolean whole =
        columns.first() <= start && columns.end() >= Math.min(start + outputs, y.width());
    if (whole) {
      finish(memory, from, count, row, panel, y.data(), to, epilogueOffset());
      return;
    }
    int skipped = Math.max(0, columns.first() - start);
    int wanted = Math.min(columns.end() - start, outputs) - skipped;
    int part = partOffset();
    finish(memory, from, count, row, panel, memory, part, epilogueOffset());
    for (int i = skipped; i < count * CHAIN; i += CHAIN) {
      System.arraycopy(memory, part + i, y.data(), to + i, wanted);
    }
  }
}
