package dev.fovea.kernels;

import java.util.HashSet;
import java.util.Set;

/** Checks of the sizes that a caller asks for, the same on every device. */
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
  public static void same(String what, int got, int expected) {
    if (got != expected) {
      throw new IllegalArgumentException(what + " is " + got + ", expected " + expected);
    }
  }

  /** Checks that a range of {@code what} ends inside {@code size}. */
  public static void inside(String what, int first, int count, int size) {
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

  /** Checks the images of a {@link Recorder#patchEmbed} and returns the patches of one of them. */
  public static int patches(int height, int width, int patch) {
    if (height % patch != 0 || width % patch != 0) {
      throw new IllegalArgumentException(
          "images of %d x %d pixels are not whole patches of %d".formatted(height, width, patch));
    }
    return height / patch * (width / patch);
  }

  /** Checks the position table and the result of a {@link Recorder#patchEmbed}. */
  public static void patchEmbed(
      int images, int patches, int packedWidth, PositionTable positions, Tokens x) {
    same("the position table's width", positions.width(), packedWidth);
    same("the position table's patches", positions.tokens() - positions.prefix(), patches);
    same("x's images", x.images(), images);
    same("x's rows", x.rows(), positions.tokens());
    same("x's width", x.width(), packedWidth);
  }

  /** Checks the rows that a verb reads and writes. */
  public static void rows(Tokens from, Rows rows, Tokens to) {
    same("the result's images", to.images(), from.images());
    inside("rows", rows.first(), rows.count(), Math.min(from.rows(), to.rows()));
  }

  /** Checks that a verb does not write what it reads. */
  @SuppressWarnings("ReferenceEquality") // It is about one matrix, not about equal ones.
  public static void apart(Tokens from, Tokens to) {
    if (from == to) {
      throw new IllegalArgumentException("the result must be another matrix than the input");
    }
  }

  /** Checks the columns of a {@link Recorder#normLinear}. */
  public static void normLinear(
      Tokens x, int packedInputs, Columns columns, int packedOutputs, Tokens y) {
    same("x's width", x.width(), packedInputs);
    same("y's width", y.width(), packedOutputs);
    inside("columns", columns.first(), columns.count(), packedOutputs);
  }

  /** Checks the heads of a {@link Recorder#attention}. */
  public static void attention(Tokens qkv, int heads, Tokens y) {
    if (heads < 1 || y.width() % heads != 0) {
      throw new IllegalArgumentException(
          "y's width of " + y.width() + " cannot be shared out to " + heads + " heads");
    }
    same("qkv's width", qkv.width(), Math.multiplyExact(3, y.width()));
  }

  /** Checks what is kept of the probabilities of a {@link Recorder#attention}. */
  public static void probabilities(
      Tokens qkv, int heads, Rows queries, Rows watched, Tokens probabilities) {
    if (watched.first() < queries.first() || watched.end() > queries.end()) {
      throw new IllegalArgumentException(
          "watched rows " + watched + " are not a part of the queries " + queries);
    }
    same("probabilities' images", probabilities.images(), qkv.images());
    same("probabilities' rows", probabilities.rows(), heads * watched.count());
    same("probabilities' width", probabilities.width(), qkv.rows());
  }

  /** Checks the operands of a {@link Recorder#pool}. */
  public static void pool(Tokens x, int prefix, Pooling pooling, Tokens y) {
    same("y's images", y.images(), x.images());
    same("y's rows", y.rows(), 1);
    int parts = pooling == Pooling.CLS_MEAN ? 2 : 1;
    same("y's width", y.width(), Math.multiplyExact(parts, x.width()));
    if (pooling != Pooling.CLS && (prefix < 0 || prefix >= x.rows())) {
      throw new IllegalArgumentException(
          "a prefix of %d rows leaves no patches of %d rows to average"
              .formatted(prefix, x.rows()));
    }
  }

  /** Checks the columns and the row of a {@link Recorder#moveToRow}. */
  public static void moveToRow(Tokens x, int[] columns, int row) {
    if (row < 0 || row >= x.rows()) {
      throw new IllegalArgumentException(
          "row %d is not one of the %d rows".formatted(row, x.rows()));
    }
    Set<Integer> distinct = new HashSet<>();
    for (int column : columns) {
      if (column < 0 || column >= x.width() || !distinct.add(column)) {
        throw new IllegalArgumentException(
            "column %d is listed twice, or is not one of the %d columns"
                .formatted(column, x.width()));
      }
    }
  }

  /** Checks what a {@link Recorder#write} puts where. */
  public static void write(float[] elements, Rows rows, Columns columns, Tokens tokens) {
    inside("rows", rows.first(), rows.count(), tokens.rows());
    inside("columns", columns.first(), columns.count(), tokens.width());
    same(
        "the number of elements",
        elements.length,
        Math.multiplyExact(rows.count(), columns.count()));
  }

  /** Checks the part of a matrix that a {@link Recorder#read} copies; returns its elements. */
  public static int read(Tokens tokens, Rows rows, Columns columns) {
    inside("rows", rows.first(), rows.count(), tokens.rows());
    inside("columns", columns.first(), columns.count(), tokens.width());
    return elements("a result", tokens.images(), rows.count(), columns.count());
  }
}
