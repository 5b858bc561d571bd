package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where the elements of matrices lie in the lanes' registers, and what the products are. */
class MatrixInstructionsTest {

  private static final int ROWS = 16;
  private static final int COLUMNS = 8;

  /**
   * A product whose operands are put into the registers element by element, by the formulas of the
   * language's description: element i of a lane's part of the left operand lies in row g or g + 8
   * and column 2 t + i % 2 or 8 further on.
   */
  @ParameterizedTest
  @CsvSource({"F16, 16", "BF16, 16", "F16, 8", "BF16, 8"})
  @DisplayName("mma.sync multiplies what its fragments say")
  void product(HalfFormat format, int depth) {
    int[] input = new int[32 * 10];
    for (int lane = 0; lane < 32; lane++) {
      int group = lane / 4;
      int thread = lane % 4;
      for (int i = 0; i < depth / 2; i++) {
        int row = group + (i / 2 % 2 == 0 ? 0 : 8);
        int column = thread * 2 + i % 2 + (i < 4 ? 0 : 8);
        put(input, lane, i, format.round(left(row, column)));
      }
      for (int i = 0; i < depth / 4; i++) {
        int row = thread * 2 + i % 2 + (i < 2 ? 0 : 8);
        put(input, lane, 8 + i, format.round(right(row, group)));
      }
      for (int i = 0; i < 4; i++) {
        int row = group + (i < 2 ? 0 : 8);
        input[lane * 10 + 6 + i] = Float.floatToIntBits(sum(row, thread * 2 + i % 2));
      }
    }
    float[] actual = run(code(format, depth), input);
    for (int lane = 0; lane < 32; lane++) {
      for (int i = 0; i < 4; i++) {
        int row = lane / 4 + (i < 2 ? 0 : 8);
        int column = lane % 4 * 2 + i % 2;
        float expected = sum(row, column);
        for (int k = 0; k < depth; k++) {
          expected += left(row, k) * right(k, column);
        }
        assertThat(actual[lane * 4 + i]).as("element %d, %d", row, column).isEqualTo(expected);
      }
    }
  }

  /** Small integers, so that every order of summation gives the same. */
  private static float left(int row, int column) {
    return (row * 7 + column * 3) % 11 - 5;
  }

  private static float right(int row, int column) {
    return (row * 5 + column) % 13 - 6;
  }

  private static float sum(int row, int column) {
    return row * COLUMNS + column - ROWS;
  }

  private static void put(int[] input, int lane, int half, int bits) {
    input[lane * 10 + half / 2] |= bits << (16 * (half % 2));
  }

  private static String code(HalfFormat format, int depth) {
    StringBuilder code =
        new StringBuilder("mul.wide.u32 %rd3, %r2, 40;\n add.s64 %rd4, %rd1, %rd3;\n");
    for (int i = 0; i < 10; i++) {
      code.append("ld.global.u32 %%r%d, [%%rd4+%d];%n".formatted(10 + i, 4 * i));
    }
    for (int i = 0; i < 4; i++) {
      code.append("mov.b32 %%f%d, %%r%d;%n".formatted(i, 16 + i));
    }
    String type = format == HalfFormat.F16 ? "f16" : "bf16";
    String left = depth == 16 ? "{%r10, %r11, %r12, %r13}" : "{%r10, %r11}";
    String right = depth == 16 ? "{%r14, %r15}" : "{%r14}";
    code.append(
        """
        mma.sync.aligned.m16n8k%d.row.col.f32.%s.%s.f32 {%%f4, %%f5, %%f6, %%f7}, %s, %s, {%%f0, %%f1, %%f2, %%f3};
        shl.b32 %%r30, %%r2, 4;
        cvt.u64.u32 %%rd5, %%r30;
        add.s64 %%rd6, %%rd2, %%rd5;
        st.global.v4.f32 [%%rd6], {%%f4, %%f5, %%f6, %%f7};
        """
            .formatted(depth, type, type, left, right));
    return code.toString();
  }

  private static float[] run(String code, int[] input) {
    try (KernelBench bench = Snippet.bench(code)) {
      long output = bench.allocate(512);
      Snippet.run(bench, 32, 0, bench.upload(input), output);
      return bench.floats(output, 128);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, false", "2, false", "4, false", "1, true", "2, true", "4, true"})
  @DisplayName("ldmatrix gives a lane two neighbours of a row, or of a column")
  void load(int matrices, boolean transposed) {
    List<String> registers = List.of("%r20", "%r21", "%r22", "%r23");
    String targets = "{" + String.join(", ", registers.subList(0, matrices)) + "}";
    String code =
        """
        mov.u32 %%r10, tile;
        shl.b32 %%r11, %%r2, 4;
        add.s32 %%r12, %%r10, %%r11;
        mul.wide.u32 %%rd3, %%r2, 16;
        add.s64 %%rd4, %%rd1, %%rd3;
        ld.global.v4.u32 {%%r13, %%r14, %%r15, %%r16}, [%%rd4];
        st.shared.v4.u32 [%%r12], {%%r13, %%r14, %%r15, %%r16};
        bar.sync 0;
        mov.u32 %%r20, 0;
        mov.u32 %%r21, 0;
        mov.u32 %%r22, 0;
        mov.u32 %%r23, 0;
        ldmatrix.sync.aligned.m8n8.x%d%s.shared.b16 %s, [%%r12];
        add.s64 %%rd5, %%rd2, %%rd3;
        st.global.v4.u32 [%%rd5], {%%r20, %%r21, %%r22, %%r23};
        """
            .formatted(matrices, transposed ? ".trans" : "", targets);
    int[] input = new int[128];
    for (int i = 0; i < 128; i++) {
      input[i] = ((2 * i + 1) << 16) | (2 * i);
    }
    int[] actual;
    try (KernelBench bench = Snippet.bench(code)) {
      long output = bench.allocate(512);
      Snippet.run(bench, 32, 0, bench.upload(input), output);
      actual = bench.ints(output, 128);
    }
    for (int lane = 0; lane < 32; lane++) {
      for (int matrix = 0; matrix < 4; matrix++) {
        for (int half = 0; half < 2; half++) {
          int along = lane % 4 * 2 + half;
          int across = lane / 4;
          int element = matrix * 64 + (transposed ? along * 8 + across : across * 8 + along);
          assertThat(actual[lane * 4 + matrix] >>> (16 * half) & 0xffff)
              .isEqualTo(matrix < matrices ? element : 0);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, false", "2, false", "4, false", "1, true", "2, true", "4, true"})
  @DisplayName("stmatrix puts a lane's two numbers beside each other in a row, or in a column")
  void store(int matrices, boolean transposed) {
    List<String> registers = List.of("%r20", "%r21", "%r22", "%r23");
    String sources = "{" + String.join(", ", registers.subList(0, matrices)) + "}";
    String code =
        """
        mov.u32 %%r10, tile;
        shl.b32 %%r11, %%r2, 4;
        add.s32 %%r12, %%r10, %%r11;
        mov.u32 %%r13, 0;
        st.shared.v4.u32 [%%r12], {%%r13, %%r13, %%r13, %%r13};
        mul.wide.u32 %%rd3, %%r2, 16;
        add.s64 %%rd4, %%rd1, %%rd3;
        ld.global.v4.u32 {%%r20, %%r21, %%r22, %%r23}, [%%rd4];
        bar.sync 0;
        stmatrix.sync.aligned.m8n8.x%d%s.shared.b16 [%%r12], %s;
        bar.sync 0;
        ld.shared.v4.u32 {%%r14, %%r15, %%r16, %%r17}, [%%r12];
        add.s64 %%rd5, %%rd2, %%rd3;
        st.global.v4.u32 [%%rd5], {%%r14, %%r15, %%r16, %%r17};
        """
            .formatted(matrices, transposed ? ".trans" : "", sources);
    int[] input = new int[128];
    for (int i = 0; i < 128; i++) {
      input[i] = ((2 * i + 2) << 16) | (2 * i + 1);
    }
    int[] actual;
    try (KernelBench bench = Snippet.bench(code)) {
      long output = bench.allocate(512);
      Snippet.run(bench, 32, 0, bench.upload(input), output);
      actual = bench.ints(output, 128);
    }
    for (int element = 0; element < 256; element++) {
      int matrix = element / 64;
      int row = element / 8 % 8;
      int column = element % 8;
      int lane = transposed ? column * 4 + row / 2 : row * 4 + column / 2;
      int half = (transposed ? row : column) % 2;
      int expected = matrix < matrices ? 2 * (lane * 4 + matrix) + half + 1 : 0;
      assertThat(actual[element / 2] >>> (16 * (element % 2)) & 0xffff).isEqualTo(expected);
    }
  }

  @Test
  @DisplayName("sums of products that cancel are added up before they meet the sum so far")
  void order() {
    int[] input = new int[32 * 10];
    for (int lane = 0; lane < 32; lane++) {
      // Row g, k = 0 and 1: 4096 * 1 and 4096 * -1; k = 2: 1 * 1; the sum so far is 2^-12.
      put(
          input,
          lane,
          0,
          lane % 4 == 0 ? HalfFormat.F16.round(4096) : lane % 4 == 1 ? HalfFormat.F16.round(1) : 0);
      put(input, lane, 1, lane % 4 == 0 ? HalfFormat.F16.round(4096) : 0);
      put(input, lane, 8, lane % 4 < 2 ? HalfFormat.F16.round(1) : 0);
      put(input, lane, 9, lane % 4 == 0 ? HalfFormat.F16.round(-1) : 0);
      input[lane * 10 + 6] = Float.floatToIntBits(0x1p-12f);
    }
    assertThat(run(code(HalfFormat.F16, 16), input)[0]).isEqualTo(1 + 0x1p-12f);
  }
}
