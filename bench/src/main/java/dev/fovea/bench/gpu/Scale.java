package dev.fovea.bench.gpu;

import java.util.List;

/**
 * How much the suite does.
 *
 * @param checked batches of images for which every kernel is compared with float64
 * @param checkedAttention the same for attention
 * @param timed batches for which every kernel is timed
 * @param timedAttention the same for attention
 * @param forwards batches for which whole networks are timed
 * @param parity sides of images in pixels, on which whole networks are compared with the CPU
 * @param tileRows rows of products for which all tiles are timed
 * @param copiedBytes memory that is copied to find the bandwidth
 * @param squareProducts rows, columns and depth of a large product
 * @param rotationBytes operands of one kernel take turns in so much memory
 * @param rotationPlans so many plans of a forward pass take turns, at the least
 * @param rowSeconds time for one row of speed
 * @param most launches of a row, or calls of a latency
 */
record Scale(
    List<Batch> checked,
    List<Batch> checkedAttention,
    List<Batch> timed,
    List<Batch> timedAttention,
    List<Batch> forwards,
    List<Integer> parity,
    List<Integer> tileRows,
    long copiedBytes,
    List<Integer> squareProducts,
    long rotationBytes,
    int rotationPlans,
    double rowSeconds,
    int most) {

  /**
   * Images that are computed together.
   *
   * @param pixels side of an image
   */
  record Batch(int pixels, int images) {

    /** Rows of all images. */
    int rows() {
      return images * ModelSize.tokens(pixels);
    }
  }

  /** What a GPU is asked for. */
  static final Scale FULL =
      new Scale(
          List.of(new Batch(224, 1), new Batch(224, 8)),
          List.of(new Batch(224, 1), new Batch(224, 8), new Batch(518, 1)),
          List.of(new Batch(224, 1), new Batch(224, 8), new Batch(224, 64)),
          List.of(
              new Batch(224, 1),
              new Batch(224, 8),
              new Batch(224, 64),
              new Batch(518, 1),
              new Batch(518, 16)),
          List.of(
              new Batch(224, 1),
              new Batch(224, 8),
              new Batch(224, 64),
              new Batch(224, 256),
              new Batch(518, 1),
              new Batch(518, 16)),
          List.of(224, 518),
          List.of(1, 16, 64, 261, 522, 1044, 1374, 2088, 4176, 8352, 16704, 66816),
          1L << 30,
          List.of(4096, 8192),
          256L << 20,
          4,
          0.2,
          300);
}
