package dev.fovea.kernels.cuda;

/**
 * The sizes of a matrix product.
 *
 * <p>A long inner dimension is summed in chains, each from zero, and the chains are added in order,
 * so that blocks can share out an element's work without changing its bits. How it is cut depends
 * on nothing but its length.
 *
 * @param rows of the result
 * @param columns of the result
 * @param steps of 64 along the inner dimension
 * @param chainSteps steps of one chain; the last one may have fewer
 */
record Product(int rows, int columns, int steps, int chainSteps) {

  /** Half of what the second matrix of an MLP needs at the least: 768 columns. */
  private static final int LONGEST_CHAIN = 12;

  /** A product in one chain. */
  static Product whole(int rows, int columns, int stride) {
    int steps = stride / Tile.STEP;
    return new Product(rows, columns, steps, steps);
  }

  /** A product in chains of at most 768. */
  static Product inChains(int rows, int columns, int stride) {
    int steps = stride / Tile.STEP;
    return new Product(
        rows, columns, steps, Math.ceilDiv(steps, Math.ceilDiv(steps, LONGEST_CHAIN)));
  }

  int chains() {
    return Math.ceilDiv(steps, chainSteps);
  }
}
