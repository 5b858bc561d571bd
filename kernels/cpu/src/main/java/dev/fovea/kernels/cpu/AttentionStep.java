package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Rows;

/**
 * What one {@link dev.fovea.kernels.Recorder#attention} works on.
 *
 * @param qkv [images, tokens, 3 x heads x headWidth]: queries, keys, values; inside each, head
 *     after head
 * @param heads attention heads
 * @param queries the rows that are wanted
 * @param y [images, tokens, heads x headWidth]
 * @param watched query rows whose probabilities are kept; none if its count is 0
 * @param probabilities [images, heads x watched.count(), tokens], or null if none are kept
 */
public record AttentionStep(
    CpuTokens qkv, int heads, Rows queries, CpuTokens y, Rows watched, CpuTokens probabilities) {

  /** Channels of one head: d. */
  public int headWidth() {
    return y.width() / heads;
  }

  /** Keys of one image. */
  public int tokens() {
    return qkv.rows();
  }

  /** True if the probabilities of this query row are kept. */
  boolean watches(int query) {
    return query >= watched.first() && query < watched.end();
  }

  /** Index in {@link #probabilities} of a watched query's probability for a key. */
  public int probabilityOffset(int image, int head, int query, int key) {
    return probabilities.offset(image, head * watched.count() + query - watched.first(), key);
  }
}
