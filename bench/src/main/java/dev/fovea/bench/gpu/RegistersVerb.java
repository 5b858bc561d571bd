package dev.fovea.bench.gpu;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Arrays;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;

/**
 * What registers at test time change in the result of another verb, in 16 bits or float32 as that
 * has left it: some columns move to the last row, and a part of a row is replaced.
 */
final class RegistersVerb implements Verb {

  private static final int[] MAXIMA = {3, 64, 100};
  private static final int[] FARTHEST = {0, 65};
  private static final Rows REPLACED_ROW = new Rows(NormLinearVerb.FIRST_FAR_ROW, 1);
  private static final Columns REPLACED_COLUMNS = new Columns(8, 24);

  private final Verb source;
  private final int tokens;
  private final float[] replacement = Numbers.random("register", REPLACED_COLUMNS.count(), 0, 1);

  /**
   * Changes a result.
   *
   * @param source gives it
   * @param tokens rows of an image
   */
  RegistersVerb(Verb source, int tokens) {
    this.source = source;
    this.tokens = tokens;
  }

  @Override
  public String name() {
    return "registers-" + source.name();
  }

  @Override
  public boolean isProduct() {
    return source.isProduct();
  }

  @Override
  public Copy prepare(Device device, Recorder recorder, int number) {
    Copy copy = source.prepare(device, recorder, number);
    return new Copy() {
      @Override
      public void record() {
        copy.record();
        recorder.moveToRow(result(), MAXIMA, tokens - 1, Move.EACH_MAXIMUM);
        recorder.moveToRow(result(), FARTHEST, tokens - 1, Move.LARGEST_MAGNITUDE);
        recorder.write(replacement, REPLACED_ROW, REPLACED_COLUMNS, result());
      }

      @Override
      public Tokens result() {
        return copy.result();
      }
    };
  }

  @Override
  public Exact exact(DoubleUnaryOperator rounding) {
    Exact before = source.exact(rounding);
    double[][] rows =
        IntStream.range(0, tokens).parallel().mapToObj(before::row).toArray(double[][]::new);
    moveMaxima(rows);
    moveFarthest(rows);
    for (int j = 0; j < replacement.length; j++) {
      rows[REPLACED_ROW.first()][REPLACED_COLUMNS.first() + j] = replacement[j];
    }
    return new Exact() {
      @Override
      public double[] row(int row) {
        return rows[row];
      }

      @Override
      public double unavoidable(int row, double[] exact) {
        return before.unavoidable(row, exact);
      }
    };
  }

  private static void moveMaxima(double[][] rows) {
    for (int column : MAXIMA) {
      double largest = Arrays.stream(rows).mapToDouble(row -> row[column]).max().orElseThrow();
      Arrays.stream(rows).forEach(row -> row[column] = 0);
      rows[rows.length - 1][column] = largest;
    }
  }

  /** CLS keeps its own. */
  private static void moveFarthest(double[][] rows) {
    double farthest = 0;
    for (double[] row : rows) {
      for (int column : FARTHEST) {
        farthest = Math.abs(row[column]) > Math.abs(farthest) ? row[column] : farthest;
      }
    }
    for (int column : FARTHEST) {
      Arrays.stream(rows).skip(1).forEach(row -> row[column] = 0);
      rows[rows.length - 1][column] = farthest;
    }
  }

  @Override
  public double allowance() {
    return source.allowance();
  }

  @Override
  public long operations() {
    return source.operations();
  }

  @Override
  public long bytes() {
    return source.bytes();
  }

  @Override
  public Map<String, Object> keys() {
    return source.keys();
  }
}
