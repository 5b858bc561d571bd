package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

import dev.fovea.kernels.cpu.AttentionStep;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;

/**
 * Second half of attention: a block of queries of one head against all keys.
 *
 * <p>Scores are computed transposed, [key, query], so that softmax runs down the keys with one
 * query a lane: no sum across lanes, and the probabilities are at once the left matrix of the
 * product with the values. The scores of all queries never exist together: a block's are {@code 4 x
 * 96 x tokens} bytes, 100 KB for 261 tokens.
 */
final class AttentionTask implements Task {

  /** Queries of a block: a multiple of every tile height and panel width. */
  static final int BLOCK = 96;

  /** Keys whose scores go through the exponential at a time: 4.5 KB, the first-level cache. */
  private static final int KEYS_PER_CHUNK = 12;

  private final AttentionStep step;
  private final KeyValuePacking packed;
  private final Scratch scratch;
  private final int blocks;
  private final float queryScale;

  AttentionTask(AttentionStep step, KeyValuePacking packed, Scratch scratch) {
    this.step = step;
    this.packed = packed;
    this.scratch = scratch;
    blocks = Lanes.steps(step.queries().count(), BLOCK);
    queryScale = (float) (1 / Math.sqrt(step.headWidth()));
    scratch.reserve(Math.addExact(chainOffset(), MicroKernel.SCRATCH));
  }

  // Scratch memory of a slot: scores, queries in panels, a largest score and a sum for every query
  // of the block, one tile, the micro-kernel's own.

  private int queryOffset() {
    return Math.multiplyExact(Lanes.steps(step.tokens(), TILE) * TILE, BLOCK);
  }

  private int largestOffset() {
    return queryOffset() + step.headWidth() * BLOCK;
  }

  private int sumOffset() {
    return largestOffset() + BLOCK;
  }

  private int tileOffset() {
    return sumOffset() + BLOCK;
  }

  private int chainOffset() {
    return tileOffset() + TILE * PANEL;
  }

  @Override
  public int count() {
    return step.qkv().images() * step.heads() * blocks;
  }

  @Override
  public void run(int index, int slot) {
    int head = index / blocks % step.heads();
    int image = index / blocks / step.heads();
    int firstQuery = step.queries().first() + index % blocks * BLOCK;
    int queries = Math.min(BLOCK, step.queries().end() - firstQuery);
    float[] memory = scratch.of(slot);
    packQueries(image, head, firstQuery, queries, memory);
    scores(image, head, queries, memory);
    softmax(memory, Lanes.steps(queries, PANEL) * PANEL);
    weightedValues(image, head, firstQuery, queries, memory);
    for (int query = 0; query < queries; query++) {
      if (step.watches(firstQuery + query)) {
        keepProbabilities(image, head, firstQuery + query, query, memory);
      }
    }
  }

  /** Queries over sqrt(d), [panel, channel, query of the panel]. */
  private void packQueries(int image, int head, int firstQuery, int queries, float[] memory) {
    CpuTokens qkv = step.qkv();
    float[] from = qkv.data();
    int d = step.headWidth();
    for (int query = 0; query < queries; query++) {
      int q = qkv.offset(image, firstQuery + query) + head * d;
      int to = queryOffset() + query / PANEL * PANEL * d + query % PANEL;
      for (int channel = 0; channel < d; channel++) {
        memory[to + channel * PANEL] = from[q + channel] * queryScale;
      }
    }
  }

  private void scores(int image, int head, int queries, float[] memory) {
    int d = step.headWidth();
    int keys = packed.keys(image, head);
    for (int column = 0; column < queries; column += PANEL) {
      int b = queryOffset() + column * d;
      for (int key = 0; key < step.tokens(); key += TILE) {
        int a = keys + key * d;
        int c = key * BLOCK + column;
        MicroKernel.multiply(
            packed.memory(), a, TILE, memory, b, PANEL, d, memory, c, BLOCK, memory, chainOffset());
      }
    }
  }

  /** Leaves exp(score - largest) in the place of the scores, and 1 / sum of them for each query. */
  private void softmax(float[] memory, int columns) {
    int tokens = step.tokens();
    for (int column = 0; column < columns; column += COUNT) {
      Softmax.largest(memory, column, tokens, BLOCK, largestOffset() + column);
    }
    Softmax.clear(memory, sumOffset(), columns);
    for (int key = 0; key < tokens; key += KEYS_PER_CHUNK) {
      int keys = Math.min(KEYS_PER_CHUNK, tokens - key);
      for (int i = key; i < key + keys; i++) {
        Softmax.subtract(memory, i * BLOCK, largestOffset(), columns);
        VectorMath.exp(memory, i * BLOCK, columns);
      }
      for (int column = 0; column < columns; column += COUNT) {
        Softmax.add(memory, key * BLOCK + column, keys, BLOCK, sumOffset() + column);
      }
    }
    Softmax.invert(memory, sumOffset(), columns);
  }

  private void weightedValues(int image, int head, int firstQuery, int queries, float[] memory) {
    CpuTokens y = step.y();
    int d = step.headWidth();
    int tokens = step.tokens();
    for (int channel = 0; channel < d; channel += PANEL) {
      int b = packed.values(image, head, channel / PANEL);
      int channels = Math.min(PANEL, d - channel);
      for (int query = 0; query < queries; query += TILE) {
        int c = tileOffset();
        MicroKernel.multiply(
            memory,
            query,
            BLOCK,
            packed.memory(),
            b,
            PANEL,
            tokens,
            memory,
            c,
            PANEL,
            memory,
            chainOffset());
        Epilogue.scaleRows(memory, c, memory, sumOffset() + query);
        for (int row = 0; row < Math.min(TILE, queries - query); row++) {
          int to = y.offset(image, firstQuery + query + row) + head * d + channel;
          System.arraycopy(memory, c + row * PANEL, y.data(), to, channels);
        }
      }
    }
  }

  private void keepProbabilities(int image, int head, int query, int column, float[] memory) {
    float[] to = step.probabilities().data();
    int offset = step.probabilityOffset(image, head, query);
    float factor = memory[sumOffset() + column];
    for (int key = 0; key < step.tokens(); key++) {
      to[offset + key] = memory[key * BLOCK + column] * factor;
    }
  }
}
