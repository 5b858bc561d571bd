package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.util.Arrays;

/** Runs snippets with a mistake and without. */
final class Planted {

  private static final int THREADS = 64;

  private Planted() {}

  /** Runs with 1 KB of input, 256 numbers i, and as much output that nobody has written. */
  static void run(String instructions, int threads) {
    try (KernelBench bench = Snippet.bench(instructions)) {
      int[] numbers = new int[256];
      Arrays.setAll(numbers, i -> i);
      Snippet.run(bench, threads, 0, bench.upload(numbers), bench.allocate(1024));
    }
  }

  /** The mistake is found, and the message says all this. */
  static void assertFault(String instructions, String... parts) {
    assertThatThrownBy(() -> run(instructions, THREADS))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("kernel snippet, line ")
        .hasMessageContainingAll(parts);
  }

  /** There is nothing to find. */
  static void assertRuns(String instructions) {
    assertThatCode(() -> run(instructions, THREADS)).doesNotThrowAnyException();
  }
}
