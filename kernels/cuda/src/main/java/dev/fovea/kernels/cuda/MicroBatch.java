package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.GpuFacts;

/**
 * How many tokens share a plan on a GPU.
 *
 * <p>A token of width D has 3 D numbers of queries, keys and values, or 4 D of a hidden layer, in
 * 16 bits, and beside them D of float32, D of 16 bits and D / 4 bytes of statistics in the residual
 * stream: 14.25 D bytes at the most. Every block of the network moves about 40 D bytes of it and
 * multiplies 24 D x D / 2 times. At 4.3 TB/s and 700 TFLOP/s memory takes 270 / D of the time that
 * arithmetic does: for a width of 384 most of it, for 768 and more it is hidden behind arithmetic.
 * So narrow networks run in plans whose activations stay in the second-level cache, the others in
 * plans of 64 images of 224 pixels.
 */
final class MicroBatch {

  /** 64 images: products of so many rows keep every processor busy, and no answer takes long. */
  private static final int MANY_TOKENS = 64 * 261;

  /** From here on memory takes less than half of the time that arithmetic does. */
  private static final int WIDE = 540;

  private static final double BYTES_PER_TOKEN_AND_COLUMN = 14.25;

  /** The rest is for weights, and for what the cache cannot place as one would like. */
  private static final double PART_OF_THE_CACHE = 0.5;

  /** The tile of the narrowest product when there are many rows. */
  private static final int TILE_ROWS = 128;

  private static final int TILE_COLUMNS = 96;

  private MicroBatch() {}

  /**
   * Tokens of a plan: as many as give all processors whole tiles of the narrowest product, once or
   * several times over, while the activations fit into the cache.
   *
   * @param width of the network; 0 if it is not known
   */
  static int tokens(GpuFacts facts, int width) {
    if (width == 0 || width > WIDE) {
      return MANY_TOKENS;
    }
    double fitting = PART_OF_THE_CACHE * facts.cacheBytes() / (BYTES_PER_TOKEN_AND_COLUMN * width);
    int tilesDown = facts.processors() / Math.ceilDiv(width, TILE_COLUMNS);
    int oncePerProcessor = tilesDown * TILE_ROWS;
    int times = oncePerProcessor == 0 ? 0 : (int) (fitting / oncePerProcessor);
    return times == 0 ? MANY_TOKENS : Math.min(MANY_TOKENS, times * oncePerProcessor);
  }
}
