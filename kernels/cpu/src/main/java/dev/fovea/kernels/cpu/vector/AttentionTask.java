package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE_SIZE;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

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
 *
 * <p>Scores are in units of ln 2, so that the exponential is a power of two.
 */
final class AttentionTask implements Task {

  /** Queries of a piece: a multiple of every tile height. */
  private static final int QUERIES = 96;

  /** Keys of a block: one chain of the product with the values. */
  private static final int KEYS = CHAIN;

  private final AttentionStep step;
  private final KeyValuePacking packed;
  private final Scratch scratch;
  private final int pieces;
  private final int valuePanels;
  private final float queryScale;

  /** For scores of the last panel: 0, and minus infinity for keys that there are not. */
  private final float[] mask;

  AttentionTask(AttentionStep step, KeyValuePacking packed, Scratch scratch) {
    this.step = step;
    this.packed = packed;
    this.scratch = scratch;
    pieces = Lanes.steps(step.queries().count(), QUERIES);
    valuePanels = Lanes.steps(step.headWidth(), PANEL);
    queryScale = (float) (1 / (Math.sqrt(step.headWidth()) * Math.log(2)));
    mask = new float[PANEL];
    Arrays.fill(mask, (step.tokens() - 1) % PANEL + 1, PANEL, Float.NEGATIVE_INFINITY);
    scratch.reserve(tileOffset() + TILE_SIZE);
  }

  // Scratch memory of a slot: queries, scores of a tile, weighted values of all queries; for every
  // query the largest score and the sum; for those of a tile a factor; one tile.

  private int scoreOffset() {
    return QUERIES / TILE * RowTiles.size(step.headWidth());
  }

  private int valueOffset() {
    return scoreOffset() + RowTiles.size(KEYS);
  }

  private int largestOffset() {
    return valueOffset() + QUERIES * valuePanels * PANEL;
  }

  private int sumOffset() {
    return largestOffset() + QUERIES;
  }

  private int factorOffset() {
    return sumOffset() + QUERIES;
  }

  private int tileOffset() {
    return factorOffset() + PANEL;
  }

  @Override
  public int count() {
    return step.qkv().images() * step.heads() * pieces;
  }

  @Override
  public void run(int index, int slot) {
    int head = index / pieces % step.heads();
    int image = index / pieces / step.heads();
    int first = step.queries().first() + index % pieces * QUERIES;
    int queries = Math.min(QUERIES, step.queries().end() - first);
    float[] memory = scratch.of(slot);
    packQueries(image, head, first, queries, memory);
    Arrays.fill(memory, largestOffset(), sumOffset(), Float.NEGATIVE_INFINITY);
    Arrays.fill(memory, sumOffset(), factorOffset(), 0);
    for (int key = 0; key < step.tokens(); key += KEYS) {
      for (int query = 0; query < queries; query += TILE) {
        attend(image, head, query, key, memory);
      }
    }
    for (int query = 0; query < queries; query++) {
      store(image, head, first + query, query, memory);
    }
    for (int query = 0; query < queries; query++) {
      if (step.watches(first + query)) {
        keepProbabilities(image, head, first + query, query, memory);
      }
    }
  }

  /** Queries over sqrt(d) ln 2, in row tiles. */
  private void packQueries(int image, int head, int first, int queries, float[] memory) {
    CpuTokens qkv = step.qkv();
    float[] from = qkv.data();
    int d = step.headWidth();
    for (int query = 0; query < queries; query++) {
      int q = qkv.offset(image, first + query) + head * d;
      int to = RowTiles.offset(query, d);
      for (int panel = 0; panel < d; panel += PANEL) {
        int count = Math.min(PANEL, d - panel);
        Epilogue.copyScaled(from, q + panel, count, queryScale, memory, to + panel * TILE);
      }
    }
  }

  /** One tile of queries against one block of keys. */
  private void attend(int image, int head, int query, int key, float[] memory) {
    scores(image, head, query, key, memory);
    int panels = panels(key);
    int largest = largestOffset() + query;
    System.arraycopy(memory, largest, memory, factorOffset(), TILE);
    Softmax.raise(memory, scoreOffset(), panels, largest);
    if (key > 0) {
      scaleDown(query, memory);
    }
    Softmax.powers(memory, scoreOffset(), panels, largest, sumOffset() + query);
    addValues(image, head, query, key, memory);
  }

  /** Panels of the block that starts with a key. */
  private int panels(int key) {
    return Lanes.steps(Math.min(KEYS, step.tokens() - key), PANEL);
  }

  private void scores(int image, int head, int query, int key, float[] memory) {
    int d = step.headWidth();
    int rows = RowTiles.offset(query, d);
    float[] keys = packed.memory();
    for (int panel = 0; panel < panels(key); panel++) {
      int c = scoreOffset() + panel * TILE_SIZE;
      int from = packed.keys(image, head, key / PANEL + panel);
      MicroKernel.multiply(memory, rows, keys, from, Math.min(CHAIN, d), memory, c);
      for (int chain = CHAIN; chain < d; chain += CHAIN) {
        int a = rows + chain * TILE;
        int steps = Math.min(CHAIN, d - chain);
        MicroKernel.multiplyAdd(
            memory, a, keys, from + chain * PANEL, steps, memory, c, tileOffset());
      }
      if (key + (panel + 1) * PANEL > step.tokens()) {
        Epilogue.addRow(memory, c, mask, 0);
      }
    }
  }

  /** Brings sums and weighted values from the largest scores before a block to those with it. */
  private void scaleDown(int query, float[] memory) {
    int factors = factorOffset();
    for (int i = 0; i < TILE; i++) {
      double difference = memory[factors + i] - memory[largestOffset() + query + i];
      memory[factors + i] = (float) Math.exp(difference * Math.log(2));
      memory[sumOffset() + query + i] *= memory[factors + i];
    }
    for (int panel = 0; panel < valuePanels; panel++) {
      Softmax.scaleRows(memory, values(query, panel), factors);
    }
  }

  /** Where the weighted values of a tile of queries and a panel of channels are. */
  private int values(int query, int panel) {
    return valueOffset() + (query / TILE * valuePanels + panel) * TILE_SIZE;
  }

  private void addValues(int image, int head, int query, int key, float[] memory) {
    float[] values = packed.memory();
    for (int panel = 0; panel < valuePanels; panel++) {
      int from = packed.values(image, head, panel);
      int c = values(query, panel);
      int b = from + key * PANEL;
      int steps = Math.min(KEYS, step.tokens() - key);
      if (key == 0) {
        MicroKernel.multiply(memory, scoreOffset(), values, b, steps, memory, c);
      } else {
        MicroKernel.multiplyAdd(memory, scoreOffset(), values, b, steps, memory, c, tileOffset());
      }
    }
  }

  /** Divides the weighted values of a query by their sum of weights. */
  private void store(int image, int head, int row, int query, float[] memory) {
    CpuTokens y = step.y();
    int d = step.headWidth();
    float factor = 1 / memory[sumOffset() + query];
    for (int channel = 0; channel < d; channel += PANEL) {
      int tile = query / TILE * TILE;
      int from = values(tile, channel / PANEL) + (query - tile) * PANEL;
      int to = y.offset(image, row) + head * d + channel;
      Epilogue.copyScaled(memory, from, Math.min(PANEL, d - channel), factor, y.data(), to);
    }
  }

  /** Computes the scores of a query's tile again, now that the largest and the sum are known. */
  private void keepProbabilities(int image, int head, int row, int query, float[] memory) {
    int tile = query / TILE * TILE;
    int to = step.probabilityOffset(image, head, row);
    float factor = 1 / memory[sumOffset() + query];
    for (int key = 0; key < step.tokens(); key += KEYS) {
      scores(image, head, tile, key, memory);
      Softmax.powers(memory, scoreOffset(), panels(key), largestOffset() + tile, factorOffset());
      for (int k = 0; k < Math.min(KEYS, step.tokens() - key); k++) {
        int from = scoreOffset() + RowTiles.offset(query - tile, KEYS) + k / PANEL * TILE_SIZE;
        step.probabilities().data()[to + key + k] = memory[from + k % PANEL] * factor;
      }
    }
  }
}
