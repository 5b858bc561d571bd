package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.TensorMap;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernels as one writes them for Hopper, of small integers, of which all sums are exact; and the
 * same kernels with one mistake each, which is found.
 */
class HopperTest {

  /** In the order of the source. */
  private static final List<String> MISTAKES =
      List.of(
          "NONE",
          "NO_WAIT_FOR_STAGE",
          "TOO_FEW_BYTES",
          "TOO_MANY_BYTES",
          "NO_WAIT_FOR_ROOM",
          "RELEASE_BEFORE_WAIT",
          "NO_PRODUCT_FENCE",
          "NO_PRODUCT_WAIT",
          "WRONG_DESCRIPTOR",
          "NO_BARRIER_BEFORE",
          "NO_BARRIER_BEHIND",
          "NO_BARRIER_FENCE",
          "NO_GRID_WAIT",
          "NOT_INITIALISED",
          "ONE_WARP_MISSING",
          "WRITE_STAGE_IN_USE",
          "NO_PROXY_FENCE",
          "NO_STORE_WAIT",
          "OVERWRITE_STORED",
          "NO_STORE_FENCE");

  private static final String PTX = KernelBench.read("hopper.ptx");
  private static final int STAGE_BYTES = (128 + 64) * 128;
  private static final int GEMM_BYTES = 3 * STAGE_BYTES + 6 * 8;

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2, 3, 4, 5})
  @DisplayName("copies, barriers, a cluster and products of four warps make a matrix product")
  void product(long seed) {
    int m = 256 + 100;
    int n = 128;
    int k = 64 * 7;
    int[] a = random(m * k, seed);
    int[] b = random(n * k, seed + 1);
    float[] actual = product("NONE", seed, a, b, m, n, k);
    for (int i = 0; i < m * n; i++) {
      int expected = 0;
      for (int j = 0; j < k; j++) {
        expected += a[i / n * k + j] * b[i % n * k + j];
      }
      assertThat(actual[i]).as("element %d", i).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "NO_WAIT_FOR_STAGE   | while a bulk copy of the barrier at",
        "TOO_FEW_BYTES       | while a bulk copy of the barrier at",
        "TOO_MANY_BYTES      | deadlock",
        "NO_WAIT_FOR_ROOM    | 0 of 1 arrivals",
        "RELEASE_BEFORE_WAIT | that a wgmma of warps",
        "NO_PRODUCT_FENCE    | there is no wgmma.fence between them",
        "NO_PRODUCT_WAIT     | which a wgmma in flight writes",
        "WRONG_DESCRIPTOR    | out of bounds",
        "NO_BARRIER_BEFORE   | without a barrier between them",
        "NO_BARRIER_BEHIND   | ends its block",
        "NO_BARRIER_FENCE    | there is no fence.mbarrier_init",
        "NO_GRID_WAIT        | there is no griddepcontrol.wait",
        "NOT_INITIALISED     | none has been initialised there",
        "ONE_WARP_MISSING    | but other warps of its group are",
        "WRITE_STAGE_IN_USE  | that a wgmma of warps"
      })
  @DisplayName("a mistake in the matrix product is found, whatever the order of things")
  void mistakesOfTheProduct(String mistake, String message) {
    int k = 64 * 7;
    int[] a = random(256 * k, 1);
    int[] b = random(64 * k, 2);
    for (long seed = 0; seed < 4; seed++) {
      long order = seed;
      assertThatThrownBy(() -> product(mistake, order, a, b, 256, 64, k))
          .as("seed %d", seed)
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("kernel gemm, line ")
          .hasMessageContaining(message);
    }
  }

  @Test
  @DisplayName("a deadlock is reported with all warps and barriers")
  void deadlock() {
    int[] zeros = new int[256 * 64 * 4];
    assertThatThrownBy(() -> product("TOO_MANY_BYTES", 0, zeros, zeros, 256, 64, 64 * 4))
        .hasMessageContaining("deadlock: no warp of the block can go on")
        .hasMessageContaining("warp 0 of block 1 of the cluster at line ")
        .hasMessageContaining("waits for the barrier at dynamic+73728 of block 1 of the cluster")
        .hasMessageContaining("in phase 0: 0 of 1 arrivals and 16 bytes are missing");
  }

  /** Operands come from a kernel in front; the product may start before that has ended. */
  private static float[] product(String mistake, long seed, int[] a, int[] b, int m, int n, int k) {
    try (KernelBench bench = new KernelBench(new InterpretedDriver(Snippet.HOPPER), PTX)) {
      if (seed > 0) {
        bench.driver.shuffle(seed);
      }
      long left = bench.allocate(m * k * Short.BYTES);
      long right = bench.upload(tiles(b, n, k));
      int across = Math.ceilDiv(m, 256) * 2;
      long c = bench.allocate(across * 128 * n * Float.BYTES);
      long source = bench.upload(halves(a));
      int pieces = m * k * Short.BYTES / 16;
      bench.launch(
          "copy",
          1,
          1,
          128,
          0,
          bench.arguments().address(source).address(left).number(pieces),
          false);
      byte[] map = bench.driver.encode(TensorMap.matrix(left, m, k, 128));
      bench.launch(
          "gemm",
          across,
          n / 64,
          384,
          GEMM_BYTES,
          bench
              .arguments()
              .tensorMap(map)
              .address(right)
              .address(c)
              .number(n)
              .number(k / 64)
              .number(MISTAKES.indexOf(mistake)),
          true);
      bench.driver.synchronize();
      return bench.floats(c, m * n);
    }
  }

  /** [n / 64, k / 64, 64 rows of 128 bytes], swizzled. */
  private static short[] tiles(int[] b, int n, int k) {
    short[] tiles = new short[n * k];
    for (int row = 0; row < n; row++) {
      for (int j = 0; j < k; j++) {
        int tile = row / 64 * (k / 64) + j / 64;
        int piece = j % 64 / 8 ^ row % 8;
        tiles[(tile * 64 + row % 64) * 64 + piece * 8 + j % 8] = half(b[row * k + j]);
      }
    }
    return tiles;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  @DisplayName("products of which one gives the other's operand, in registers")
  void attention(int blocks) {
    int[] q = random(64 * 64, 5);
    int[] k = random(blocks * 64 * 64, 6);
    int[] v = random(blocks * 64 * 64, 7);
    short[] actual = attention("NONE", blocks, q, k, v);
    for (int i = 0; i < 64 * 64; i++) {
      int expected = 0;
      for (int token = 0; token < blocks * 64; token++) {
        int score = 0;
        for (int j = 0; j < 64; j++) {
          score += q[i / 64 * 64 + j] * k[token * 64 + j];
        }
        expected += score * v[token * 64 + i % 64];
      }
      assertThat(actual[i]).as("element %d", i).isEqualTo(half(expected));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "NO_PROXY_FENCE      | there is no fence.proxy.async between them",
        "RELEASE_BEFORE_WAIT | that a wgmma of warps",
        "NO_STORE_FENCE      | there is no fence.proxy.async between them",
        "NO_STORE_WAIT       | there is no cp.async.bulk.wait_group",
        "OVERWRITE_STORED    | that a bulk store reads"
      })
  @DisplayName("a mistake in what threads give to asynchronous instructions is found")
  void mistakesOfAttention(String mistake, String message) {
    int[] zeros = new int[2 * 64 * 64];
    assertThatThrownBy(() -> attention(mistake, 2, zeros, zeros, zeros))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("kernel attention, line ")
        .hasMessageContaining(message);
  }

  private static short[] attention(String mistake, int blocks, int[] q, int[] k, int[] v) {
    try (KernelBench bench = new KernelBench(new InterpretedDriver(Snippet.HOPPER), PTX)) {
      long o = bench.allocate(64 * 64 * Short.BYTES);
      bench.run(
          "attention",
          1,
          128,
          3 * 64 * 128,
          bench
              .arguments()
              .address(bench.upload(halves(q)))
              .address(bench.upload(halves(k)))
              .address(bench.upload(halves(v)))
              .address(o)
              .number(blocks)
              .number(MISTAKES.indexOf(mistake)));
      return bench.shorts(o, 64 * 64);
    }
  }

  private static int[] random(int count, long seed) {
    return new SplittableRandom(seed).ints(count, -2, 3).toArray();
  }

  private static short half(int number) {
    return (short) HalfFormat.F16.round(number);
  }

  private static short[] halves(int[] numbers) {
    short[] halves = new short[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      halves[i] = half(numbers[i]);
    }
    return halves;
  }
}
