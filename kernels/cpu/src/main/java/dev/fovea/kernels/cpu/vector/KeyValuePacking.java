package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;

import dev.fovea.kernels.cpu.AttentionStep;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Sizes;
import dev.fovea.kernels.cpu.Task;
import java.util.Arrays;

/**
 * First half of attention: brings keys (transposed) and values of every head into panels, in shared
 * scratch memory, once for all queries.
 *
 * <p>Values could be read where they are, but there the rows of a head lie a multiple of 4 KiB
 * apart in most models and push each other out of the caches.
 */
final class KeyValuePacking implements Task {

  private static final int PANELS_PER_PIECE = 3;

  private static final int KEYS_AT_ONCE = 4;

  private final AttentionStep step;
  private final Scratch scratch;
  private final int keyPanels;
  private final int keySize;
  private final int valueSize;
  private final int pieces;

  KeyValuePacking(AttentionStep step, Scratch scratch) {
    this.step = step;
    this.scratch = scratch;
    keyPanels = Lanes.steps(step.tokens(), PANEL);
    keySize = keyPanels * PANEL * step.headWidth();
    valueSize = Lanes.steps(step.headWidth(), PANEL) * PANEL * step.tokens();
    pieces = Lanes.steps(keyPanels, PANELS_PER_PIECE);
    int heads = step.qkv().images() * step.heads();
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
    return keys(image, head, 0) + keySize + panel * step.tokens() * PANEL;
  }

  @Override
  public int count() {
    return step.qkv().images() * step.heads() * pieces;
  }

  @Override
  public void run(int index, int slot) {
    int head = index / pieces % step.heads();
    int image = index / pieces / step.heads();
    int first = index % pieces * PANELS_PER_PIECE;
    int end = Math.min(first + PANELS_PER_PIECE, keyPanels);
    for (int panel = first; panel < end; panel++) {
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
    for (int key = first; key < first + count; key++) {
      packValue(image, head, key);
    }
  }

  /** Four at once, so that a line of the panel is written in eight visits instead of 32. */
  private void packKeys(int image, int head, int key, int count, int to) {
    CpuTokens qkv = step.qkv();
    int d = step.headWidth();
    float[] data = qkv.data();
    float[] memory = memory();
    int from = qkv.offset(image, key) + step.y().width() + head * d;
    int next = qkv.width();
    if (count == KEYS_AT_ONCE) {
      for (int channel = 0; channel < d; channel++) {
        int i = to + channel * PANEL;
        memory[i] = data[from + channel];
        memory[i + 1] = data[from + next + channel];
        memory[i + 2] = data[from + 2 * next + channel];
        memory[i + 3] = data[from + 3 * next + channel];
      }
      return;
    }
    for (int i = 0; i < count; i++) {
      for (int channel = 0; channel < d; channel++) {
        memory[to + channel * PANEL + i] = data[from + i * next + channel];
      }
    }
  }

  private void packValue(int image, int head, int key) {
    CpuTokens qkv = step.qkv();
    int d = step.headWidth();
    int from = qkv.offset(image, key) + 2 * step.y().width() + head * d;
    for (int channel = 0; channel < d; channel += PANEL) {
      int to = values(image, head, channel / PANEL) + key * PANEL;
      int channels = Math.min(PANEL, d - channel);
      Epilogue.copy(qkv.data(), from + channel, 1, channels, memory(), to, PANEL);
    }
  }
}
