package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;
import static dev.fovea.kernels.cpu.vector.RowTiles.TILE_SIZE;
import static dev.fovea.kernels.cpu.vector.RowTiles.column;

import dev.fovea.kernels.cpu.AttentionStep;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;
import java.util.Arrays;

/**
 * Second half of attention: some queries of one head against all keys.
 *
 * <p>Keys are taken in blocks, which stay in the second-level cache while the tiles of queries
 * pass; of the scores only those of one tile and one block exist, 18 KB. A tile keeps for every
 * query the largest score, the sum of the exponentials and the weighted sum of the values, and
 * scales them down when a later block has a larger score (M. Milakov, N. Gimelshein, "Online
 * normalizer calculation for softmax", arXiv 1805.02867). The 261 tokens of 224 pixels are one
 * block.
 */
final class AttentionTask implements Task {

  /** Most tiles of queries of a piece, which the keys and values of a head serve. */
  private static final int MOST_TILES = 96 / TILE;

  /** Keys of a block: one chain of the product with the values. */
  private static final int KEYS = CHAIN;

  private final AttentionStep step;
  private final KeyValuePacking packed;
  private final Scratch scratch;
  private final LeftRows queries;
  private final int piecesPerHead;
  private final int valueSize;

  /** For scores of the last panel: 0, and minus infinity for keys that there are not. */
  private final float[] mask;

  AttentionTask(AttentionStep step, KeyValuePacking packed, Scratch scratch) {
    this.step = step;
    this.packed = packed;
    this.scratch = scratch;
    queries = LeftRows.of(step.qkv(), step.queries());
    int heads = Math.multiplyExact(step.qkv().images(), step.heads());
    piecesPerHead = Shares.parts(queries.tilesPerImage(), MOST_TILES, heads, scratch.slots());
    valueSize = RowTiles.size(step.headWidth());
    mask = new float[PANEL];
    Arrays.fill(mask, (step.tokens() - 1) % PANEL + 1, PANEL, Float.NEGATIVE_INFINITY);
    scratch.reserve(productOffset() + TILE_SIZE);
  }

  // Scratch memory of a slot: scores of a tile; for each tile of queries its weighted values, its
  // largest scores and its sums; for those of one tile a factor; a tile for multiplyAdd.

  private static int valueOffset() {
    return TILE_SIZE;
  }

  private int largestOffset() {
    return valueOffset() + MOST_TILES * valueSize;
  }

  private int sumOffset() {
    return largestOffset() + MOST_TILES * TILE;
  }

  private int factorOffset() {
    return sumOffset() + MOST_TILES * TILE;
  }

  private int productOffset() {
    return factorOffset() + TILE;
  }

  @Override
  public int count() {
    return step.qkv().images() * step.heads() * piecesPerHead;
  }

  @Override
  public void run(int index, int slot) {
    int piece = index % piecesPerHead;
    int head = index / piecesPerHead % step.heads();
    int image = index / piecesPerHead / step.heads();
    int first = Shares.start(queries.tilesPerImage(), piece, piecesPerHead);
    int tiles = Shares.start(queries.tilesPerImage(), piece + 1, piecesPerHead) - first;
    int firstTile = image * queries.tilesPerImage() + first;
    float[] memory = scratch.of(slot);
    Arrays.fill(memory, largestOffset(), sumOffset(), Float.NEGATIVE_INFINITY);
    Arrays.fill(memory, sumOffset(), factorOffset(), 0);
    for (int key = 0; key < step.tokens(); key += KEYS) {
      for (int i = 0; i < tiles; i++) {
        attend(firstTile + i, head, i, key, memory);
      }
    }
    for (int i = 0; i < tiles; i++) {
      store(firstTile + i, head, i, memory);
      keepProbabilities(firstTile + i, head, i, memory);
    }
  }

  /** One tile of queries, the piece's number {@code i}, against one block of keys. */
  private void attend(int tile, int head, int i, int key, float[] memory) {
    scores(tile, head, key, memory);
    int panels = panels(key);
    int largest = largestOffset() + i * TILE;
    int sums = sumOffset() + i * TILE;
    System.arraycopy(memory, largest, memory, factorOffset(), TILE);
    Softmax.raise(memory, 0, TILE, panels, largest);
    if (key > 0) {
      scaleDown(i, memory);
    }
    Softmax.powers(memory, 0, TILE, panels, largest, sums);
    addValues(queries.image(tile), head, i, key, memory);
  }

  /** Panels of the block that starts with a key. */
  private int panels(int key) {
    return Lanes.steps(Math.min(KEYS, step.tokens() - key), PANEL);
  }

  /** Scores of a tile of queries, read where they are; they may lie in two tiles of columns. */
  private void scores(int tile, int head, int key, float[] memory) {
    int d = step.headWidth();
    int column = head * d;
    int rows = queries.offset(tile);
    float[] q = queries.data();
    float[] keys = packed.memory();
    int image = queries.image(tile);
    for (int panel = 0; panel < panels(key); panel++) {
      int to = panel * PANEL;
      int from = packed.keys(image, head, key / PANEL + panel);
      int run = Math.min(d, CHAIN - column % CHAIN);
      MicroKernel.multiply(q, rows + column(column), keys, from, run, memory, to, from);
      for (int channel = run; channel < d; channel += run) {
        run = Math.min(CHAIN, d - channel);
        int a = rows + column(column + channel);
        int b = from + channel * PANEL;
        MicroKernel.multiplyAdd(q, a, keys, b, run, memory, to, b, productOffset());
      }
      if (key + (panel + 1) * PANEL > step.tokens()) {
        Epilogue.addBias(memory, to, TILE, mask, 0, memory, to);
      }
    }
  }

  /** Brings sums and weighted values from the largest scores before a block to those with it. */
  private void scaleDown(int i, float[] memory) {
    int factors = factorOffset();
    for (int query = 0; query < TILE; query++) {
      double difference = memory[factors + query] - memory[largestOffset() + i * TILE + query];
      memory[factors + query] = (float) Math.exp(difference * Math.log(2));
      memory[sumOffset() + i * TILE + query] *= memory[factors + query];
    }
    for (int channel = 0; channel < step.headWidth(); channel += PANEL) {
      int tile = values(i) + column(channel);
      Epilogue.copyScaled(memory, tile, TILE, memory, factors, memory, tile);
    }
  }

  /** Where the weighted values of the piece's tile number {@code i} are. */
  private int values(int i) {
    return valueOffset() + i * valueSize;
  }

  private void addValues(int image, int head, int i, int key, float[] memory) {
    float[] values = packed.memory();
    int steps = packed.valueRows(key, KEYS);
    for (int channel = 0; channel < step.headWidth(); channel += PANEL) {
      int b = packed.values(image, head, channel / PANEL) + key * PANEL;
      int to = values(i) + column(channel);
      if (key == 0) {
        MicroKernel.multiply(memory, 0, values, b, steps, memory, to, b);
      } else {
        MicroKernel.multiplyAdd(memory, 0, values, b, steps, memory, to, b, productOffset());
      }
    }
  }

  /** Divides the weighted values of the wanted queries by their sums of weights. */
  private void store(int tile, int head, int i, float[] memory) {
    CpuTokens y = step.y();
    int d = step.headWidth();
    int first = queries.first(tile);
    int rows = queries.end(tile) - first;
    int query = first - queries.tileRow(tile);
    int factors = factorOffset() + query;
    for (int row = 0; row < rows; row++) {
      memory[factors + row] = 1 / memory[sumOffset() + i * TILE + query + row];
    }
    for (int channel = 0; channel < d; channel += PANEL) {
      int from = values(i) + query * CHAIN + column(channel);
      int to = y.offset(queries.image(tile), first, head * d + channel);
      if (d % PANEL == 0) {
        Epilogue.copyScaled(memory, from, rows, memory, factors, y.data(), to);
        continue;
      }
      for (int c = 0; c < Math.min(PANEL, d - channel); c++) {
        to = y.offset(queries.image(tile), first, head * d + channel + c);
        for (int row = 0; row < rows; row++) {
          y.data()[to + row * CHAIN] = memory[from + row * CHAIN + c] * memory[factors + row];
        }
      }
    }
  }

  /** Computes the scores of a tile again, now that the largest and the sums are known. */
  private void keepProbabilities(int tile, int head, int i, float[] memory) {
    int image = queries.image(tile);
    int largest = largestOffset() + i * TILE;
    int sums = sumOffset() + i * TILE;
    int first = Math.max(queries.first(tile), step.watched().first());
    int end = Math.min(queries.end(tile), step.watched().end());
    for (int key = 0; first < end && key < step.tokens(); key += KEYS) {
      scores(tile, head, key, memory);
      Softmax.powers(memory, 0, TILE, panels(key), largest, factorOffset());
      for (int row = first; row < end; row++) {
        int query = row - queries.tileRow(tile);
        float factor = 1 / memory[sums + query];
        int to = step.probabilityOffset(image, head, row, key);
        for (int k = 0; k < Math.min(KEYS, step.tokens() - key); k++) {
          step.probabilities().data()[to + k] = memory[query * CHAIN + k] * factor;
        }
      }
    }
  }
}
