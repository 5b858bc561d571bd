package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code moveToRow} and {@code write}, which compute nothing that could be rounded. */
class MoveAndWriteTest extends VerbTest {

  private static final int IMAGES = 3;

  @ParameterizedTest
  @CsvSource({"1, 1, 0", "5, 7, 1", "13, 385, 12", "66, 512, 1", "40, 1000, 39"})
  void theRowGetsTheMaximumOfEveryColumnAndTheOthersNothing(int rows, int width, int row) {
    float[] elements = normal(IMAGES * rows * width, 1);
    int[] columns = columns(width);
    float[] expected = elements.clone();
    for (int image = 0; image < IMAGES; image++) {
      for (int column : columns) {
        float maximum = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < rows; i++) {
          int at = (image * rows + i) * width + column;
          maximum = Math.max(maximum, elements[at]);
          expected[at] = 0;
        }
        expected[(image * rows + row) * width + column] = maximum;
      }
    }
    check(Move.EACH_MAXIMUM, elements, rows, width, columns, row, expected);
  }

  @ParameterizedTest
  @CsvSource({"2, 1, 1", "5, 7, 1", "13, 385, 12", "66, 512, 1", "40, 1000, 39"})
  void theRowGetsTheElementFarthestFromZeroAndTheOthersNothing(int rows, int width, int row) {
    float[] elements = normal(IMAGES * rows * width, 1);
    int[] columns = columns(width);
    float[] expected = elements.clone();
    for (int image = 0; image < IMAGES; image++) {
      float farthest = 0;
      for (int column : columns) {
        for (int i = 0; i < rows; i++) {
          int at = (image * rows + i) * width + column;
          farthest = Math.abs(elements[at]) > Math.abs(farthest) ? elements[at] : farthest;
          expected[at] = i == 0 ? elements[at] : 0;
        }
      }
      for (int column : columns) {
        expected[(image * rows + row) * width + column] = farthest;
      }
    }
    check(Move.LARGEST_MAGNITUDE, elements, rows, width, columns, row, expected);
  }

  @Test
  void ofOppositeElementsTheFirstCounts() {
    float[] rows = {1, 2, -3, 3, 3, -3};
    float[] first = {1, 2, 0, 0, -3, -3};
    float[] second = {1, 2, 0, 0, 3, 3};
    check(Move.LARGEST_MAGNITUDE, rows, 3, 2, new int[] {0, 1}, 2, first);
    check(Move.LARGEST_MAGNITUDE, rows, 3, 2, new int[] {1, 0}, 2, second);
  }

  @Test
  void aMaximumMayBeNegative() {
    float[] elements = {-5, -2, -7};
    check(Move.EACH_MAXIMUM, elements, 3, 1, new int[] {0}, 0, new float[] {-2, 0, 0});
  }

  @ParameterizedTest
  @EnumSource(Move.class)
  void noColumnsAreLeftAlone(Move move) {
    float[] elements = normal(12, 1);
    check(move, elements, 4, 3, new int[0], 2, elements);
  }

  private void check(
      Move move, float[] elements, int rows, int width, int[] columns, int row, float[] expected) {
    int images = elements.length / rows / width;
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, images, rows, width, elements);
          recorder.moveToRow(x, columns, row, move);
          return () -> assertRows(x, expected);
        });
  }

  private static void assertRows(Tokens x, float[] expected) {
    for (int i = 0; i < x.images() * x.rows(); i++) {
      assertThat(row(x, i / x.rows(), i % x.rows()))
          .containsExactly(Arrays.copyOfRange(expected, i * x.width(), (i + 1) * x.width()));
    }
  }

  /** The first, the last and every seventh, not in order. */
  private static int[] columns(int width) {
    int[] columns = new int[Math.ceilDiv(width, 7)];
    for (int i = 0; i < columns.length; i++) {
      columns[i] = width - 1 - 7 * i;
    }
    return columns;
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 0, 1, 0, 1", "5, 70, 4, 1, 23, 47", "40, 1000, 11, 20, 383, 600"})
  void everyImageGetsTheSameElements(
      int rows, int width, int firstRow, int rowCount, int firstColumn, int columnCount) {
    float[] elements = normal(IMAGES * rows * width, 1);
    float[] written = normal(rowCount * columnCount, 1);
    float[] expected = elements.clone();
    for (int i = 0; i < IMAGES * rowCount; i++) {
      int row = i / rowCount * rows + firstRow + i % rowCount;
      System.arraycopy(
          written, i % rowCount * columnCount, expected, row * width + firstColumn, columnCount);
    }
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, IMAGES, rows, width, elements);
          float[] copied = written.clone();
          recorder.write(
              copied, new Rows(firstRow, rowCount), new Columns(firstColumn, columnCount), x);
          Arrays.fill(copied, Float.NaN);
          return () -> assertRows(x, expected);
        });
  }
}
