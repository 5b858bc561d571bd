package dev.fovea.kernels;

/**
 * A range of columns.
 *
 * @param first index of the first column
 * @param count number of columns
 */
public record Columns(int first, int count) {

  /** Checks that the range is not negative. */
  public Columns {
    if (first < 0 || count < 0) {
      throw new IllegalArgumentException("columns from " + first + ", " + count + " of them");
    }
  }

  /** Every column of {@code tokens}. */
  public static Columns all(Tokens tokens) {
    return new Columns(0, tokens.width());
  }

  /** One past the last column. */
  public int end() {
    return first + count;
  }
}
