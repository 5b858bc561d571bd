package dev.fovea.kernels.cuda.interpreter;

/** The operands of a product of four warps, as float32, and the product of one row. */
final class ProductBuffers {

  static final int ROWS = 64;
  static final int DEPTH = 16;
  static final int MOST_COLUMNS = 256;

  /** [64, 16]. */
  final float[] left = new float[ROWS * DEPTH];

  /** [16, columns]. */
  final float[] right = new float[DEPTH * MOST_COLUMNS];

  /** [columns]. */
  final float[] sums = new float[MOST_COLUMNS];

  /** Computes one row of the product, adding up by ascending k. */
  void multiply(int row, int columns) {
    float[] b = right;
    float[] s = sums;
    for (int n = 0; n < columns; n++) {
      s[n] = 0;
    }
    for (int k = 0; k < DEPTH; k += 4) {
      float x0 = left[row * DEPTH + k];
      float x1 = left[row * DEPTH + k + 1];
      float x2 = left[row * DEPTH + k + 2];
      float x3 = left[row * DEPTH + k + 3];
      int b0 = k * columns;
      int b1 = b0 + columns;
      int b2 = b1 + columns;
      int b3 = b2 + columns;
      for (int n = 0; n < columns; n++) {
        s[n] = s[n] + x0 * b[b0 + n] + x1 * b[b1 + n] + x2 * b[b2 + n] + x3 * b[b3 + n];
      }
    }
  }
}
