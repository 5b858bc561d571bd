package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

import dev.fovea.kernels.cpu.AttentionStep;
import dev.fovea.kernels.cpu.CpuTokens;
import dev.fovea.kernels.cpu.Scratch;
import dev.fovea.kernels.cpu.Sizes;
import dev.fovea.kernels.cpu.Task;

/**
 * First half of attention: brings the keys of every head into tiles and its values into panels, in
 * shared scratch memory, once for all query blocks.
 *
 * <p>Values could be read where they are, but there the rows of a head lie a multiple of 4 KiB
 * apart in most models and push each other out of the caches.
 */
final class KeyValuePacking implements Task {

  /** A multiple of every tile height. */
  private static final int KEYS_PER_PIECE = 96;

  private final AttentionStep step;
  private final Scratch scratch;
  private final int keySize;
  private final int valueSize;
  private final int pieces;

  KeyValuePacking(AttentionStep step, Scratch scratch) {
    this.step = step;
    this.scratch = scratch;
    keySize = Lanes.steps(step.tokens(), TILE) * TILE * step.headWidth();
    valueSize = Lanes.steps(step.headWidth(), PANEL) * PANEL * step.tokens();
    pieces = Lanes.steps(step.tokens(), KEYS_PER_PIECE);
    int heads = step.qkv().images() * step.heads();
    scratch.reserveShared(
        Sizes.elements("attention's scratch memory", heads, Math.addExact(keySize, valueSize)));
  }

  /** The shared memory. */
  float[] memory() {
    return scratch.shared();
  }

  /** Where the keys of a head start: [tile, channel, row of the tile]. */
  int keys(int image, int head) {
    return (image * step.heads() + head) * (keySize + valueSize);
  }

  /** Where a panel of a head's values starts: [key, channel of the panel]. */
  int values(int image, int head, int panel) {
    return keys(image, head) + keySize + panel * step.tokens() * PANEL;
  }

  @Override
  public int count() {
    return step.qkv().images() * step.heads() * pieces;
  }

  @Override
  public void run(int index, int slot) {
    int head = index / pieces % step.heads();
    int image = index / pieces / step.heads();
    int first = index % pieces * KEYS_PER_PIECE;
    for (int key = first; key < Math.min(first + KEYS_PER_PIECE, step.tokens()); key++) {
      packKey(image, head, key);
      packValue(image, head, key);
    }
  }

  private void packKey(int image, int head, int key) {
    CpuTokens qkv = step.qkv();
    int d = step.headWidth();
    int from = qkv.offset(image, key) + step.y().width() + head * d;
    int to = keys(image, head) + key / TILE * TILE * d + key % TILE;
    GemmTask.spread(qkv.data(), from, d, memory(), to);
  }

  private void packValue(int image, int head, int key) {
    CpuTokens qkv = step.qkv();
    int d = step.headWidth();
    int from = qkv.offset(image, key) + 2 * step.y().width() + head * d;
    for (int channel = 0; channel < d; channel += PANEL) {
      int to = values(image, head, channel / PANEL) + key * PANEL;
      System.arraycopy(qkv.data(), from + channel, memory(), to, Math.min(PANEL, d - channel));
    }
  }
}
