package dev.fovea.kernels.cpu;

/** Checks of the sizes that a caller asks for. */
public final class Sizes {

  private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

  private Sizes() {}

  /**
   * Number of elements of an array of these dimensions.
   *
   * @throws IllegalArgumentException if a dimension is not positive, or one Java array cannot hold
   *     so many
   */
  public static int elements(String what, int... dimensions) {
    double product = 1;
    for (int dimension : dimensions) {
      if (dimension <= 0) {
        throw new IllegalArgumentException(
            what + " needs positive sizes, got " + describe(dimensions));
      }
      product *= dimension;
    }
    if (product > LARGEST_ARRAY) {
      throw new IllegalArgumentException(
          "%s of %s has more elements than the %d that one array holds; use a smaller batch or image"
              .formatted(what, describe(dimensions), LARGEST_ARRAY));
    }
    return (int) product;
  }

  private static String describe(int[] dimensions) {
    StringBuilder text = new StringBuilder();
    for (int dimension : dimensions) {
      text.append(text.isEmpty() ? "" : " x ").append(dimension);
    }
    return text.toString();
  }

  /** Checks that {@code got} is {@code expected}. */
  static void same(String what, int got, int expected) {
    if (got != expected) {
      throw new IllegalArgumentException(what + " is " + got + ", expected " + expected);
    }
  }

  /** Checks that a range of {@code what} ends inside {@code size}. */
  static void inside(String what, int first, int count, int size) {
    if (count > size - first) {
      throw new IllegalArgumentException(
          what
              + " "
              + first
              + " to "
              + ((long) first + count)
              + " are not all inside 0 to "
              + size);
    }
  }
}
