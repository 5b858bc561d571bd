package dev.fovea;

/**
 * What a model is, derived from its tensors and cross-checked with its configuration file.
 *
 * @param width channels of a token, D
 * @param depth blocks
 * @param heads attention heads; each has width / heads channels (64 in every published model)
 * @param hidden channels between the two matrices of the MLP
 * @param mlp kind of MLP
 * @param patch side of a patch in pixels
 * @param grid side of the stored grid of position embeddings, in patches
 * @param registers register tokens, 0 or more
 * @param normEpsilon epsilon of every LayerNorm
 * @param positionPolicy how position embeddings are resampled to other grids
 */
public record VitConfig(
    int width,
    int depth,
    int heads,
    int hidden,
    Mlp mlp,
    int patch,
    int grid,
    int registers,
    float normEpsilon,
    PositionPolicy positionPolicy) {

  /** Kinds of MLP. */
  public enum Mlp {
    /** Linear, exact GELU, linear. */
    GELU,
    /** Two linear layers, one gating the other through SiLU, then a third. */
    SWIGLU
  }

  /** The same with another position policy. */
  public VitConfig withPositionPolicy(PositionPolicy policy) {
    return new VitConfig(
        width, depth, heads, hidden, mlp, patch, grid, registers, normEpsilon, policy);
  }

  /** The same with another number of registers. */
  VitConfig withRegisters(int count) {
    return new VitConfig(
        width, depth, heads, hidden, mlp, patch, grid, count, normEpsilon, positionPolicy);
  }

  /** Rows in front of the patches: CLS and the registers. */
  public int prefix() {
    return 1 + registers;
  }

  /**
   * Tokens of an image.
   *
   * @param height pixels, a multiple of the patch size
   * @param width pixels, a multiple of the patch size
   */
  public int tokens(int height, int width) {
    return prefix() + (height / patch) * (width / patch);
  }
}
