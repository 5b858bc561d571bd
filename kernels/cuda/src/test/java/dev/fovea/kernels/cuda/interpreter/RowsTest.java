package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.kernels.cuda.driver.Arguments;
import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Reductions, functions that are called, tables, the C library's functions: what the compiler makes
 * of ordinary code.
 */
class RowsTest {

  private static final int ROWS = 5;
  private static final int COLUMNS = 700;
  private static final int THREADS = 256;

  private final KernelBench bench = KernelBench.of("rows.ptx");
  private final float[] x = new float[ROWS * COLUMNS];

  RowsTest() {
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextDouble(-3, 3);
    }
  }

  @AfterEach
  void close() {
    bench.close();
  }

  private Arguments arguments(long y, long counter) {
    return bench
        .arguments()
        .address(bench.upload(x))
        .address(y)
        .address(counter)
        .number(ROWS)
        .number(COLUMNS);
  }

  @Test
  @DisplayName("softmax of rows")
  void softmax() {
    long y = bench.allocate(x.length * Float.BYTES);
    bench.run("softmax", ROWS, THREADS, 0, arguments(y, 0));
    float[] actual = bench.floats(y, x.length);
    for (int row = 0; row < ROWS; row++) {
      double sum = 0;
      for (int column = 0; column < COLUMNS; column++) {
        sum += Math.exp(x[row * COLUMNS + column]);
      }
      for (int column = 0; column < COLUMNS; column++) {
        double expected = Math.exp(x[row * COLUMNS + column]) / sum;
        // expf is within 2 ulp, the sum has about 10 roundings in a row, and two more follow.
        assertThat((double) actual[row * COLUMNS + column])
            .isCloseTo(expected, within(expected * 16 * 0x1p-24));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2, 3})
  @DisplayName("the last block adds up, whichever block is last, and leaves the counter at 0")
  void total(long seed) {
    if (seed > 0) {
      bench.driver.shuffle(seed);
    }
    long y = bench.allocate((1 + ROWS) * Float.BYTES);
    long counter = bench.upload(0);
    bench.run("total", ROWS, THREADS, 0, arguments(y, counter));
    double expected = 0;
    double magnitude = 0;
    for (float value : x) {
      expected += value;
      magnitude += Math.abs(value);
    }
    assertThat((double) bench.floats(y, 1)[0])
        .isCloseTo(expected, within(magnitude * 20 * 0x1p-24));
    assertThat(bench.ints(counter, 1)).containsExactly(0);
  }

  @Test
  @DisplayName("functions of the C library, chosen by a table of constants and a switch")
  void activate() {
    long y = bench.allocate(x.length * Float.BYTES);
    bench.run("activate", Math.ceilDiv(x.length, 96), 96, 0, arguments(y, 0));
    float[] actual = bench.floats(y, x.length);
    for (int i = 0; i < x.length; i++) {
      int column = i % COLUMNS;
      double expected = activated(x[i], column % 6) / (1 << (column & 3));
      assertThat((double) actual[i])
          .as("column %d of %f", column, x[i])
          .isCloseTo(expected, within(2e-6 * Math.max(1, Math.abs(expected))));
    }
  }

  private static double activated(float value, int kind) {
    return switch (kind) {
      case 0 -> 0.5 * value * (1 + errorFunction(value * Math.sqrt(0.5)));
      case 1 -> value / (1 + Math.exp(-value));
      case 2 -> Math.tanh(value);
      case 3 -> Math.sqrt(Math.abs(value)) + Math.log(1 + Math.abs(value));
      case 4 ->
          HalfFormat.F16.widen(HalfFormat.F16.round(value))
              + (double) HalfFormat.BF16.widen(HalfFormat.BF16.round(value));
      default -> value;
    };
  }

  /** By its power series, which converges everywhere. */
  private static double errorFunction(double x) {
    double term = x;
    double sum = x;
    for (int n = 1; n < 100; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }

  @Test
  @DisplayName("packed arithmetic of 16-bit numbers, every step rounded")
  void packed() {
    int pairs = 64;
    long y = bench.allocate(pairs * 4 * Float.BYTES);
    bench.run("packed", 2, 32, 0, arguments(y, 0));
    float[] actual = bench.floats(y, pairs * 4);
    for (int i = 0; i < pairs; i++) {
      for (int half = 0; half < 2; half++) {
        float value = x[2 * i + half];
        assertThat(actual[4 * i + half]).isEqualTo(fusedHalf(value));
        assertThat(actual[4 * i + 2 + half]).isEqualTo(squaredBrain(value));
      }
    }
  }

  private static float fusedHalf(float value) {
    HalfFormat format = HalfFormat.F16;
    float half = format.widen(format.round(value));
    float increased = format.widen(format.round(half + 1));
    // Of at most 11 bits each and similar exponents: the sum is exact in float64. It is positive
    // for every value.
    double exact = (double) half * half + increased;
    return format.widen(ExactRounding.nearest(format, new BigDecimal(exact)));
  }

  private static float squaredBrain(float value) {
    HalfFormat format = HalfFormat.BF16;
    float brain = format.widen(format.round(value));
    return format.widen(format.round(brain * brain));
  }
}
