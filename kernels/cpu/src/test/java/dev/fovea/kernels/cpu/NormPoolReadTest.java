package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.cpu.Reference.Bounded;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code norm}, {@code pool} and {@code read} against float64. */
class NormPoolReadTest extends VerbTest {

  @ParameterizedTest
  @CsvSource({"1, 1, 0, 1", "7, 40, 0, 40", "37, 70, 3, 66", "64, 9, 8, 1", "384, 5, 0, 2"})
  void normNormalisesTheRowsThatAreWanted(int width, int rows, int first, int count) {
    checkNorm(width, rows, new Rows(first, count), normal(2 * rows * width, 3));
  }

  @Test
  void normIsRightForRowsWhoseMeanIsLarge() {
    float[] x = normal(2 * 3 * 768, 1);
    for (int i = 0; i < x.length; i++) {
      x[i] += 1000;
    }
    checkNorm(768, 3, new Rows(0, 3), x);
  }

  @Test
  void normOfAConstantRowIsTheBias() {
    float[] bias = normal(50, 1);
    NormWeights norm = new NormWeights(normal(50, 1), bias, 1e-6f);
    float[] constant = new float[50];
    Arrays.fill(constant, 3);
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, 1, 1, 50, constant);
          recorder.norm(x, Rows.all(x), device.pack(norm), x);
          return () -> assertThat(row(x, 0, 0)).containsExactly(bias);
        });
  }

  private void checkNorm(int width, int rows, Rows wanted, float[] elements) {
    NormWeights norm = new NormWeights(normal(width, 1), normal(width, 1), 1e-6f);
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, 2, rows, width, elements);
          Tokens y = unwritten(recorder, 2, rows, width);
          recorder.norm(x, wanted, device.pack(norm), y);
          return () -> {
            for (int i = 0; i < 2 * rows; i++) {
              compareNorm(
                  row(x, i / rows, i % rows),
                  norm,
                  row(y, i / rows, i % rows),
                  i % rows >= wanted.first() && i % rows < wanted.end());
            }
          };
        });
  }

  private static void compareNorm(float[] x, NormWeights norm, float[] y, boolean wanted) {
    if (!wanted) {
      assertThat(y).containsOnly(Float.NaN);
      return;
    }
    Bounded[] expected = Reference.norm(x, norm);
    for (int j = 0; j < y.length; j++) {
      assertNear("channel " + j, y[j], expected[j].value(), expected[j].error());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void poolsClsAndTheMeanOfThePatches(boolean normalize) {
    int width = 37;
    float[] elements = normal(3 * 21 * width, 1);
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, 3, 21, width, elements);
          Tokens cls = unwritten(recorder, 3, 1, width);
          Tokens mean = unwritten(recorder, 3, 1, width);
          Tokens both = unwritten(recorder, 3, 1, 2 * width);
          recorder.pool(x, 5, Pooling.CLS, normalize, cls);
          recorder.pool(x, 5, Pooling.MEAN, normalize, mean);
          recorder.pool(x, 5, Pooling.CLS_MEAN, normalize, both);
          return () -> {
            for (int image = 0; image < 3; image++) {
              double[] expected = new double[2 * width];
              for (int j = 0; j < width; j++) {
                expected[j] = row(x, image, 0)[j];
                for (int row = 5; row < 21; row++) {
                  expected[width + j] += row(x, image, row)[j] / 16.0;
                }
              }
              comparePooled(row(cls, image, 0), expected, 0, normalize);
              comparePooled(row(mean, image, 0), expected, width, normalize);
              comparePooled(row(both, image, 0), expected, 0, normalize);
            }
          };
        });
  }

  private static void comparePooled(float[] got, double[] all, int from, boolean normalize) {
    double squares = 0;
    for (int j = 0; j < got.length; j++) {
      squares += all[from + j] * all[from + j];
    }
    double length = normalize ? Math.sqrt(squares) : 1;
    for (int j = 0; j < got.length; j++) {
      double expected = all[from + j] / length;
      assertNear("column " + j, got[j], expected, 4 * ROUNDING * Math.abs(expected) + 1e-8);
    }
  }

  @Test
  void aZeroEmbeddingStaysZero() {
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, 1, 2, 8, new float[16]);
          Tokens y = unwritten(recorder, 1, 1, 8);
          recorder.pool(x, 1, Pooling.CLS, true, y);
          return () -> assertThat(row(y, 0, 0)).containsOnly(0f);
        });
  }

  @Test
  void readCopiesThePartThatIsWantedAsItWasThen() {
    float[] elements = normal(2 * 4 * 6, 1);
    NormWeights norm = new NormWeights(normal(6, 1), normal(6, 1), 1e-6f);
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, 2, 4, 6, elements);
          HostBuffer result = recorder.read(x, new Rows(1, 2), new Columns(2, 3));
          recorder.norm(x, Rows.all(x), device.pack(norm), x);
          return () -> {
            float[] got = result.host().toArray(ValueLayout.JAVA_FLOAT);
            assertThat(got).hasSize(2 * 2 * 3);
            for (int i = 0; i < got.length; i++) {
              int image = i / 6;
              int row = 1 + i / 3 % 2;
              assertThat(got[i]).isEqualTo(elements[(image * 4 + row) * 6 + 2 + i % 3]);
            }
          };
        });
  }
}
