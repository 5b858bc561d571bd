package dev.fovea;

import java.util.Arrays;

/**
 * Given tokens in the place of all registers after every block, the same for every image: the mean
 * over images, or those of another image.
 *
 * <p>Make one and keep it: two are never equal.
 *
 * @see <a href="https://arxiv.org/abs/2604.14433">Zero-Ablation Overstates Register Content
 *     Dependence in DINO Vision Transformers</a>
 */
public final class RegisterContents implements Registers {

  private final float[][] afterBlocks;

  /**
   * Copies its argument.
   *
   * @param afterBlocks for every block, the registers after it: [blocks, R x D]
   * @throws IllegalArgumentException if one is not finite
   */
  public RegisterContents(float[][] afterBlocks) {
    this.afterBlocks = AttentionBias.copy("registers", afterBlocks);
  }

  /** The registers after a block, [R x D]. */
  public float[] afterBlock(int block) {
    return afterBlocks[block].clone();
  }

  /** Whether it is for so many blocks and elements. */
  boolean fits(int depth, int elements) {
    return afterBlocks.length == depth
        && Arrays.stream(afterBlocks).allMatch(block -> block.length == elements);
  }

  /** Tells it from others by its contents. */
  @Override
  public String toString() {
    return "RegisterContents[%08x]".formatted(Arrays.deepHashCode(afterBlocks));
  }

  @Override
  public String description() {
    return "replaced after every block";
  }
}
