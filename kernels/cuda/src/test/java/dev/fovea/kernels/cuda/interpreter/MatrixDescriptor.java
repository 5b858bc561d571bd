package dev.fovea.kernels.cuda.interpreter;

/**
 * Where a matrix of 16-bit numbers lies in shared memory, as {@code wgmma} is told. The matrix is
 * made of pieces of 16 bytes, 8 numbers that follow each other along k or along the other dimension
 * (rows of the left operand, columns of the right one).
 *
 * @param start address
 * @param leading bytes between pieces or patterns in the one direction
 * @param stride bytes between them in the other
 * @param baseOffset number of the 128 bytes, modulo 8, in which the pattern of the swizzle starts
 * @param width bytes of a row of the swizzle's pattern: 128, 64, 32, or 16 without a swizzle
 */
record MatrixDescriptor(int start, int leading, int stride, int baseOffset, int width) {

  private static final int FIELD = (1 << 14) - 1;
  private static final int PIECE = 16;

  /** Rows of a pattern. */
  private static final int ROWS = 8;

  /** Reads the 64 bits; addresses and distances are in units of 16 bytes. */
  static MatrixDescriptor decode(long bits) {
    int width =
        switch ((int) (bits >>> 62)) {
          case 0 -> PIECE;
          case 1 -> 128;
          case 2 -> 64;
          default -> 32;
        };
    return new MatrixDescriptor(
        (int) (bits & FIELD) * PIECE,
        (int) (bits >>> 16 & FIELD) * PIECE,
        (int) (bits >>> 32 & FIELD) * PIECE,
        (int) (bits >>> 49 & 7),
        width);
  }

  /**
   * Address of a piece whose numbers follow each other along k.
   *
   * @param row of the left operand, or column of the right one
   * @param piece 0 for the first eight along k, 1 for the others
   */
  int alongK(int row, int piece) {
    int group = row / ROWS * stride;
    int within = row % ROWS * width;
    return swizzled(start + group + within + piece * (width == PIECE ? leading : PIECE));
  }

  /**
   * Address of a piece whose numbers follow each other across k.
   *
   * @param piece number of the eight rows or columns
   */
  int acrossK(int k, int piece) {
    int within = k % ROWS * width;
    if (width == PIECE) {
      return start + piece * stride + k / ROWS * leading + within;
    }
    int pieces = width / PIECE;
    int across = piece / pieces * leading + piece % pieces * PIECE;
    return swizzled(start + across + k / ROWS * stride + within);
  }

  /** Exchanges the pieces of a row of the pattern, each 128 bytes in their own way. */
  private int swizzled(int address) {
    return address ^ ((address >> 7) - baseOffset & width / PIECE - 1) * PIECE;
  }
}
