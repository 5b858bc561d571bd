package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code wgmma} against a plain product of small integers, of which every sum is exact: all numbers
 * of columns, all layouts of both operands in shared memory, operands in registers.
 */
class WarpGroupProductTest {

  private static final int ROWS = 64;
  private static final int DEPTH = 16;

  /** Of the tiles that operands are a slice of: k, or bytes of a pattern's row for others. */
  private static final int TILE_DEPTH = 64;

  /**
   * How an operand lies in shared memory.
   *
   * @param width bytes of a row of the pattern; 16 without a swizzle
   * @param across true if numbers follow each other across k
   */
  record Layout(int width, boolean across) {

    /** Where an element of a tile of this many rows and 64 steps of k lies, in elements. */
    int index(int row, int k, int rows) {
      int numbers = width / 2;
      int along = across ? row : k;
      int other = across ? k : row;
      int otherSize = across ? TILE_DEPTH : rows;
      int pattern = along / numbers * otherSize + other;
      int chunk = along % numbers / 8 ^ other * width / 128 % (width / 16);
      return pattern * numbers + chunk * 8 + along % 8;
    }

    /** Bits of the descriptor but for the address. */
    long descriptor(int rows) {
      long mode =
          switch (width) {
            case 16 -> 0;
            case 128 -> 1;
            case 64 -> 2;
            default -> 3;
          };
      long next = (long) width * (across ? TILE_DEPTH : rows) / 16;
      long eight = width * 8L / 16;
      // Without a swizzle the two distances change places for operands that lie across k.
      boolean swapped = width == 16 && across;
      return mode << 62 | (swapped ? next : eight) << 32 | (swapped ? eight : next) << 16;
    }

    /** Bytes from the start of the tile to the slice that starts at k. */
    int start(int k, int rows) {
      int numbers = width / 2;
      return across ? k * width : k / numbers * rows * width + k % numbers * 2;
    }
  }

  private static Stream<Layout> layouts() {
    return IntStream.of(16, 32, 64, 128)
        .boxed()
        .flatMap(width -> Stream.of(new Layout(width, false), new Layout(width, true)));
  }

  private static Stream<Arguments> pairs() {
    return layouts().flatMap(a -> layouts().map(b -> Arguments.of(a, b)));
  }

  @ParameterizedTest
  @MethodSource("pairs")
  @DisplayName("every layout of the left with every layout of the right operand")
  void layouts(Layout left, Layout right) {
    for (int k = 0; k < TILE_DEPTH; k += DEPTH) {
      assertProduct(new Case(HalfFormat.F16, 64, left, right, k, 1, false));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {16, 32, 64, 128})
  @DisplayName("a left operand in registers, bfloat16, and sums that go on")
  void registers(int width) {
    for (boolean across : new boolean[] {false, true}) {
      Layout right = new Layout(width, across);
      assertProduct(new Case(HalfFormat.BF16, 64, null, right, 16, -1, true));
      assertProduct(new Case(HalfFormat.F16, 128, null, right, 48, 1, true));
    }
  }

  @ParameterizedTest
  @MethodSource("counts")
  @DisplayName("every number of columns")
  void columns(int columns) {
    Layout layout = new Layout(128, false);
    assertProduct(new Case(HalfFormat.BF16, columns, layout, layout, 32, 1, true));
  }

  private static IntStream counts() {
    return IntStream.rangeClosed(1, 32).map(i -> 8 * i);
  }

  /**
   * A product.
   *
   * @param left null for registers
   * @param k where the slices start that are multiplied
   * @param sign of the right operand
   * @param adds true if sums start from 100
   */
  private record Case(
      HalfFormat format, int columns, Layout left, Layout right, int k, int sign, boolean adds) {}

  private static void assertProduct(Case c) {
    int[][] a = random(ROWS, 1);
    int[][] b = random(c.columns, 2);
    float[] actual = run(c, a, b);
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < c.columns; column++) {
        int expected = c.adds ? 100 : 0;
        for (int k = c.k; k < c.k + DEPTH; k++) {
          expected += c.sign * a[row][k] * b[column][k];
        }
        int lane = row % 8 * 4 + column % 8 / 2;
        int register = column / 8 * 4 + row % 16 / 8 * 2 + column % 2;
        assertThat(actual[register * 128 + row / 16 * 32 + lane])
            .as("%s, row %d, column %d", c, row, column)
            .isEqualTo(expected);
      }
    }
  }

  private static int[][] random(int rows, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[][] numbers = new int[rows][TILE_DEPTH];
    for (int[] row : numbers) {
      Arrays.setAll(row, i -> random.nextInt(-8, 9));
    }
    return numbers;
  }

  private static short[] image(HalfFormat format, int[][] numbers, Layout layout) {
    int rows = numbers.length;
    // A pattern that is wider than the operand has room for more rows.
    int patterns = layout.across ? Math.ceilDiv(rows, layout.width / 2) * layout.width / 2 : rows;
    short[] image = new short[patterns * TILE_DEPTH];
    for (int row = 0; row < rows; row++) {
      for (int k = 0; k < TILE_DEPTH; k++) {
        image[layout.index(row, k, rows)] = (short) format.round(numbers[row][k]);
      }
    }
    return image;
  }

  /** The left operand's registers: lane 4 g + t has rows g, g + 8 and columns 2 t, 2 t + 1. */
  private static short[] fragments(Case c, int[][] numbers) {
    short[] image = new short[ROWS * DEPTH];
    for (int thread = 0; thread < 128; thread++) {
      for (int i = 0; i < 8; i++) {
        int row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
        int k = thread % 4 * 2 + i % 2 + i / 4 * 8;
        image[thread * 8 + i] = (short) c.format.round(numbers[row][c.k + k]);
      }
    }
    return image;
  }

  private static float[] run(Case c, int[][] a, int[][] b) {
    short[] left = c.left == null ? fragments(c, a) : image(c.format, a, c.left);
    short[] right = image(c.format, b, c.right);
    int leftBytes = Math.ceilDiv(left.length * 2, 1024) * 1024;
    short[] both = Arrays.copyOf(left, leftBytes / 2 + Math.ceilDiv(right.length, 512) * 512);
    System.arraycopy(right, 0, both, leftBytes / 2, right.length);
    try (KernelBench bench = new KernelBench(new InterpretedDriver(Snippet.HOPPER), module(c))) {
      long output = bench.allocate(ROWS * c.columns * Float.BYTES);
      bench.run(
          "product",
          1,
          128,
          both.length * 2,
          bench
              .arguments()
              .address(bench.upload(both))
              .address(output)
              .number(both.length * 2)
              .number(leftBytes));
      return bench.floats(output, ROWS * c.columns);
    }
  }

  private static final String MODULE =
      """
      .version 8.0
      .target sm_90a
      .address_size 64
      .extern .shared .align 1024 .b8 dynamic[];
      .visible .entry product(.param .align 8 .b8 p[24])
      {
        .reg .pred %p<3>;
        .reg .b32 %r<20>;
        .reg .f32 %f<128>;
        .reg .b64 %rd<20>;
        ld.param.u64 %rd1, [p];
        ld.param.u64 %rd2, [p+8];
        ld.param.u32 %r1, [p+16];
        ld.param.u32 %r2, [p+20];
        mov.u32 %r3, %tid.x;
        mov.u32 %r4, dynamic;
        shl.b32 %r5, %r3, 2;
        copy:
        cvt.u64.u32 %rd3, %r5;
        add.s64 %rd4, %rd1, %rd3;
        ld.global.u32 %r6, [%rd4];
        add.s32 %r7, %r4, %r5;
        st.shared.u32 [%r7], %r6;
        add.s32 %r5, %r5, 512;
        setp.lt.u32 %p1, %r5, %r1;
        @%p1 bra copy;
        fence.proxy.async.shared::cta;
        bar.sync 0;
        add.s32 %r8, %r4, LEFT_START;
        add.s32 %r9, %r4, %r2;
        add.s32 %r9, %r9, RIGHT_START;
        and.b32 %r8, %r8, 0x3ffff;
        and.b32 %r9, %r9, 0x3ffff;
        shr.u32 %r8, %r8, 4;
        shr.u32 %r9, %r9, 4;
        cvt.u64.u32 %rd5, %r8;
        cvt.u64.u32 %rd6, %r9;
        or.b64 %rd5, %rd5, LEFT_BITS;
        or.b64 %rd6, %rd6, RIGHT_BITS;
        shl.b32 %r10, %r3, 4;
        add.s32 %r10, %r10, %r4;
        ld.shared.v4.u32 {%r11, %r12, %r13, %r14}, [%r10];
        setp.ne.s32 %p2, ADDS, 0;
        INITIALISE
        wgmma.fence.sync.aligned;
        wgmma.mma_async.sync.aligned.TYPES {SUMS}, LEFT, %rd6, %p2, 1, SIGN, TRANSPOSED;
        wgmma.commit_group.sync.aligned;
        wgmma.wait_group.sync.aligned 0;
        STORE
        ret;
      }
      """;

  private static String module(Case c) {
    String[] sums =
        IntStream.range(0, c.columns / 2).mapToObj(i -> "%f" + i).toArray(String[]::new);
    String transposed = c.right.across ? "1" : "0";
    StringBuilder store =
        new StringBuilder("mul.wide.u32 %rd10, %r3, 4;\nadd.s64 %rd10, %rd10, %rd2;\n");
    for (int i = 0; i < sums.length; i++) {
      store.append("st.global.f32 [%%rd10+%d], %s;%n".formatted(512 * i, sums[i]));
    }
    StringBuilder initialise = new StringBuilder();
    for (int i = 0; i < sums.length && c.adds; i++) {
      initialise.append("mov.f32 %s, 0f42c80000;%n".formatted(sums[i]));
    }
    return MODULE
        .replace("LEFT_START", "" + (c.left == null ? 0 : c.left.start(c.k, ROWS)))
        .replace("RIGHT_START", "" + c.right.start(c.k, c.columns))
        .replace("LEFT_BITS", "" + (c.left == null ? 0 : c.left.descriptor(ROWS)))
        .replace("RIGHT_BITS", "" + c.right.descriptor(c.columns))
        .replace("ADDS", c.adds ? "1" : "0")
        .replace("INITIALISE", initialise)
        .replace(
            "TYPES", "m64n%dk16.f32.%s.%s".formatted(c.columns, text(c.format), text(c.format)))
        .replace("SUMS", String.join(", ", sums))
        .replace("LEFT", c.left == null ? "{%r11, %r12, %r13, %r14}" : "%rd5")
        .replace("SIGN", "" + c.sign)
        .replace(
            "TRANSPOSED",
            c.left == null ? transposed : (c.left.across ? "1, " : "0, ") + transposed)
        .replace("STORE", store);
  }

  private static String text(HalfFormat format) {
    return format == HalfFormat.F16 ? "f16" : "bf16";
  }
}
