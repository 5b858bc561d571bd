package dev.fovea.kernels;

/**
 * A range of token rows within every image of a batch.
 *
 * @param first index of the first row
 * @param count number of rows
 */
public record Rows(int first, int count) {

  /** Checks that the range is not negative. */
  public Rows {
    if (first < 0 || count < 0) {
      throw new IllegalArgumentException("rows from " + first + ", " + count + " of them");
    }
  }

  /** Every row of {@code tokens}. */
  public static Rows all(Tokens tokens) {
    return new Rows(0, tokens.rows());
  }

  /** One past the last row. */
  public int end() {
    return first + count;
  }
}
