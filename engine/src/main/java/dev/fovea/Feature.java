package dev.fovea;

/**
 * What a forward pass can give for one image. N tokens are CLS, R registers, P patches in row-major
 * order; D channels; H heads. "Finished" tokens have gone through the final LayerNorm.
 */
public enum Feature {
  /** The pooled embedding, [D] or [2 D]; see {@link FeatureRequest#withPooling}. */
  EMBEDDING,
  /** The finished CLS token, [D]. */
  CLS,
  /** The finished register tokens, [R, D]. */
  REGISTERS,
  /** The finished patch tokens, [P, D]. */
  PATCHES,
  /** All finished tokens, [N, D]. */
  TOKENS,
  /** All tokens before the final LayerNorm, where outliers are visible, [N, D]. */
  PRENORM_TOKENS,
  /** All tokens after the blocks asked for, without LayerNorm, [blocks, N, D]. */
  BLOCKS,
  /** CLS after the blocks asked for, each through the final LayerNorm, [blocks, D]. */
  BLOCK_CLS,
  /** Attention of CLS in the last block, [H, N]. */
  CLS_ATTENTION,
  /** Attention of every register in the last block, [H, R, N]. */
  REGISTER_ATTENTION,
  /** Attention of every token in the last block, [H, N, N]: large. */
  ATTENTION,
  /** Keys of the last block, heads side by side, [N, D]. */
  KEYS,
  /** Queries of the last block, heads side by side, [N, D]. */
  QUERIES,
  /** Values of the last block, heads side by side, [N, D]. */
  VALUES,
  /** Attention of CLS and of every register in the blocks asked for, [blocks, H, 1 + R, N]. */
  PREFIX_ATTENTION,
  /**
   * Hidden activations of the MLP in the blocks asked for, as its second matrix reads them,
   * [blocks, N, hidden].
   */
  HIDDEN,
  /**
   * Of every register in every block the keys, then the values, heads side by side, [L, R, 2 D].
   */
  REGISTER_KEYS_VALUES,
  /** Projected patches, before position embeddings are added to them, [P, D]. */
  PATCH_EMBEDDINGS
}
