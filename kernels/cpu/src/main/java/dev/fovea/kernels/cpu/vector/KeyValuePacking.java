package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.MicroKernel.ROUND;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import dev.fovea.kernels.Sizes;
import dev.fovea.kernels.cpu.AttentionStep;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Task;
import java.util.Arrays;

/**
 * First half of attention: brings keys (transposed and scaled) and values of every head into
 * panels, in shared scratch memory, once for all queries.
 *
 * <p>Scores are in units of ln 2, so that their exponentials are powers of two.
 */
final class KeyValuePacking implements Task {

  private static final int MOST_PANELS = 3;

  /** As many as {@link #transpose} takes, which divide the columns of a panel. */
  private static final int KEYS_AT_ONCE = 4;

  private final AttentionStep step;
  private final Scratch scratch;
  private final int keyPanels;
  private final int keySize;

  /** Rows of a panel of values: one a key, and zeros up to a whole round of the micro-kernel. */
  private final int valueRows;

  private final int valueSize;
  private final int pieces;

  /** Of the scores, in units of ln 2: 1 / (sqrt(d) ln 2). */
  private final float keyScale;

  KeyValuePacking(AttentionStep step, Scratch scratch) {
    this.step = step;
    this.scratch = scratch;
    keyPanels = Lanes.steps(step.tokens(), PANEL);
    keySize = keyPanels * PANEL * step.headWidth();
    valueRows = Lanes.steps(step.tokens(), ROUND) * ROUND;
    valueSize = Lanes.steps(step.headWidth(), PANEL) * PANEL * valueRows;
    keyScale = (float) (1 / (Math.sqrt(step.headWidth()) * Math.log(2)));
    int heads = Math.multiplyExact(step.qkv().images(), step.heads());
    pieces = Shares.parts(keyPanels, MOST_PANELS, heads, scratch.slots());
    scratch.reserveShared(
        Sizes.elements("attention's scratch memory", heads, Math.addExact(keySize, valueSize)));
  }

  /** The shared memory. */
  float[] memory() {
    return scratch.shared();
  }

  /**
   * Where a panel of a head's keys starts: [channel, key of the panel]. Keys that there are not are
   * zero.
   */
  int keys(int image, int head, int panel) {
    return (image * step.heads() + head) * (keySize + valueSize) + panel * PANEL * step.headWidth();
  }

  /** Where a panel of a head's values starts: [key, channel of the panel]. */
  int values(int image, int head, int panel) {
    return keys(image, head, 0) + keySize + panel * valueRows * PANEL;
  }

  /** Rows of the values of a block of keys, from one of them on. */
  int valueRows(int key, int most) {
    return Math.min(most, valueRows - key);
  }

  @Override
  public int count() {
    return step.qkv().images() * step.heads() * pieces;
  }

  @Override
  public void run(int index, int slot) {
    int head = index / pieces % step.heads();
    int image = index / pieces / step.heads();
    int part = index % pieces;
    int end = Shares.start(keyPanels, part + 1, pieces);
    for (int panel = Shares.start(keyPanels, part, pieces); panel < end; panel++) {
      packPanel(image, head, panel);
    }
  }

  private void packPanel(int image, int head, int panel) {
    int to = keys(image, head, panel);
    int first = panel * PANEL;
    int count = Math.min(PANEL, step.tokens() - first);
    if (count < PANEL) {
      Arrays.fill(memory(), to, to + PANEL * step.headWidth(), 0);
    }
    for (int key = 0; key < count; key += KEYS_AT_ONCE) {
      packKeys(image, head, first + key, Math.min(KEYS_AT_ONCE, count - key), to + key);
    }
    int end = first + count;
    for (int key = first, some; key < end; key += some) {
      some = Math.min(end - key, TILE - key % TILE);
      packValues(image, head, key, some);
    }
    if (end == step.tokens()) {
      clearRest(image, head);
    }
  }

  /** Makes the rows of values zero for which there is no key. */
  private void clearRest(int image, int head) {
    for (int channel = 0; channel < step.headWidth(); channel += PANEL) {
      int start = values(image, head, channel / PANEL);
      int from = start + step.tokens() * PANEL;
      Arrays.fill(memory(), from, start + valueRows * PANEL, 0);
    }
  }

  /** Some at once, so that a line of the panel is written in few visits. */
  private void packKeys(int image, int head, int key, int count, int to) {
    CpuTokens qkv = step.qkv();
    int d = step.headWidth();
    int width = step.y().width();
    int run;
    for (int channel = 0; channel < d; channel += run) {
      int start = width + head * d + channel;
      run = Math.min(d - channel, CHAIN - start % CHAIN);
      int target = to + channel * PANEL;
      if (count == KEYS_AT_ONCE) {
        transpose(
            qkv.data(),
            qkv.offset(image, key, start),
            qkv.offset(image, key + 1, start),
            qkv.offset(image, key + 2, start),
            qkv.offset(image, key + 3, start),
            run,
            target);
        continue;
      }
      for (int i = 0; i < count; i++) {
        int from = qkv.offset(image, key + i, start);
        for (int c = 0; c < run; c++) {
          memory()[target + c * PANEL + i] = qkv.data()[from + c] * keyScale;
        }
      }
    }
  }

  /** A run of channels of {@link #KEYS_AT_ONCE} keys. */
  private void transpose(float[] data, int k0, int k1, int k2, int k3, int channels, int to) {
    float[] memory = memory();
    for (int c = 0; c < channels; c++) {
      int i = to + c * PANEL;
      memory[i] = data[k0 + c] * keyScale;
      memory[i + 1] = data[k1 + c] * keyScale;
      memory[i + 2] = data[k2 + c] * keyScale;
      memory[i + 3] = data[k3 + c] * keyScale;
    }
  }

  private void packValues(int image, int head, int key, int count) {
    CpuTokens qkv = step.qkv();
    int d = step.headWidth();
    for (int channel = 0; channel < d; channel += PANEL) {
      int start = 2 * step.y().width() + head * d + channel;
      int to = values(image, head, channel / PANEL) + key * PANEL;
      if (d % PANEL == 0) {
        Epilogue.copy(qkv.data(), qkv.offset(image, key, start), count, memory(), to);
        continue;
      }
      for (int c = 0; c < Math.min(PANEL, d - channel); c++) {
        int from = qkv.offset(image, key, start + c);
        for (int i = 0; i < count; i++) {
          memory()[to + i * PANEL + c] = qkv.data()[from + i * CHAIN];
        }
      }
    }
  }
}
