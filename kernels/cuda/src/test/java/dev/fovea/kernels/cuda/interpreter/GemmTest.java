package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A tiled matrix product with everything that the shipped ones use, against float64. */
class GemmTest {

  private static final int SHARED_BYTES = 3 * 128 * 128;

  @ParameterizedTest
  @CsvSource({"F16, 64, 64, 64", "F16, 70, 66, 200", "BF16, 130, 64, 384", "BF16, 1, 2, 8"})
  @DisplayName("equals the exact product but for the rounding of float32 sums")
  void equalsExactProduct(HalfFormat format, int m, int n, int k) {
    short[] a = random(format, m * k, 1);
    short[] w = random(format, n * k, 2);
    assertProduct(run(KernelBench.read("gemm.ptx"), format, a, w, m, n, k), format, a, w, n, k);
  }

  private static float[] run(
      String ptx, HalfFormat format, short[] a, short[] w, int m, int n, int k) {
    try (KernelBench bench = new KernelBench(new InterpretedDriver(), ptx)) {
      long c = bench.allocate(m * n * Float.BYTES);
      bench.run(
          format == HalfFormat.F16 ? "gemm_f16" : "gemm_bf16",
          Math.ceilDiv(n, 64),
          Math.ceilDiv(m, 64),
          128,
          SHARED_BYTES,
          bench
              .arguments()
              .address(bench.upload(a))
              .address(bench.upload(w))
              .address(c)
              .number(m)
              .number(n)
              .number(k));
      return bench.floats(c, m * n);
    }
  }

  private static Stream<Arguments> mistakes() {
    return Stream.of(
        Arguments.of("bar.sync \t0;", "", "race: "),
        Arguments.of("cp.async.wait_group 1;", "cp.async.wait_group 2;", "has not been waited for"),
        Arguments.of("cp.async.wait_group 1;", "", "has not been waited for"),
        Arguments.of("cp.async.commit_group;", "", "has not been waited for"));
  }

  @ParameterizedTest(name = "{0} becomes {1}")
  @MethodSource("mistakes")
  @DisplayName("mistakes that a GPU may forgive are found in the compiled kernel")
  void mistakes(String right, String wrong, String message) {
    String ptx = KernelBench.read("gemm.ptx");
    assertThat(ptx).contains(right);
    HalfFormat format = HalfFormat.F16;
    short[] a = random(format, 64 * 384, 1);
    short[] w = random(format, 64 * 384, 2);
    assertThatThrownBy(() -> run(ptx.replace(right, wrong), format, a, w, 64, 64, 384))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining(message);
  }

  /**
   * Every element is a sum of k exact products in some order: off by at most k roundings of the sum
   * of magnitudes.
   */
  private static void assertProduct(
      float[] actual, HalfFormat format, short[] a, short[] w, int n, int k) {
    for (int i = 0; i < actual.length; i++) {
      double expected = 0;
      double magnitude = 0;
      for (int j = 0; j < k; j++) {
        double product = (double) format.widen(a[i / n * k + j]) * format.widen(w[i % n * k + j]);
        expected += product;
        magnitude += Math.abs(product);
      }
      assertThat((double) actual[i])
          .as("element %d of %d columns", i, n)
          .isBetween(expected - magnitude * k * 0x1p-24, expected + magnitude * k * 0x1p-24);
    }
  }

  private static short[] random(HalfFormat format, int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    short[] values = new short[count];
    for (int i = 0; i < count; i++) {
      values[i] = (short) format.round((float) random.nextDouble(-1, 1));
    }
    return values;
  }
}
