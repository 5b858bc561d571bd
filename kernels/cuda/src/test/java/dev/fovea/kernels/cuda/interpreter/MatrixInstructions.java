package dev.fovea.kernels.cuda.interpreter;

import java.util.Map;
import java.util.Set;

/** Matrix products of a warp, and what brings their operands and takes their results. */
final class MatrixInstructions {

  /** Rows of the left operand and of the sums. */
  private static final int ROWS = 16;

  /** Columns of the right operand and of the sums. */
  private static final int COLUMNS = 8;

  private static final Set<String> SHAPES = Set.of("m16n8k8", "m16n8k16");

  private MatrixInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("mma.sync", Product::new);
    decoders.put("ldmatrix.sync", Load::new);
    decoders.put("stmatrix.sync", Store::new);
  }

  static int[] rows(Decoding decoding, int operand, boolean written, int count) {
    int[] rows =
        decoding.members(operand).stream()
            .mapToInt(written ? decoding::target : decoding::source)
            .toArray();
    if (rows.length != count) {
      throw decoding.refuse(
          "operand " + operand + " with " + rows.length + " registers is not known");
    }
    return rows;
  }

  /**
   * {@code d = a b + c}: a is 16 x k, b is k x 8, c and d are 16 x 8 float32.
   *
   * <p>Lane 4 g + t holds of a the rows g and g + 8 and of those the columns 2 t, 2 t + 1 and the
   * same 8 further on; of b the column g and the rows 2 t, 2 t + 1 and the same 8 further on; of c
   * and d the rows g and g + 8 and the columns 2 t, 2 t + 1.
   *
   * <p>The hardware's order of summation is not documented. Here products are exact (but for
   * bfloat16 that leave the range of float32), those of one instruction are added up in float32 by
   * ascending k, and their sum is added to c.
   */
  private static final class Product extends WholeWarp {
    private final int depth;
    private final HalfFormat format;
    private final int[] d;
    private final int[] a;
    private final int[] b;
    private final int[] c;

    Product(Decoding decoding) {
      decoding.take("aligned");
      String shape = decoding.takeAny(SHAPES);
      String operands = decoding.takeRest();
      format =
          switch (operands) {
            case ".row.col.f32.f16.f16.f32" -> HalfFormat.F16;
            case ".row.col.f32.bf16.bf16.f32" -> HalfFormat.BF16;
            default -> throw decoding.refuse(operands + " is not known");
          };
      if (shape == null) {
        throw decoding.refuse("its shape is not known");
      }
      depth = shape.endsWith("k8") ? 8 : 16;
      d = rows(decoding, 0, true, 4);
      a = rows(decoding, 1, false, depth / 4);
      b = rows(decoding, 2, false, depth / 8);
      c = rows(decoding, 3, false, 4);
    }

    @Override
    void execute(Warp warp) {
      unpackLeft(warp.registers, warp.left);
      unpackRight(warp.registers, warp.right);
      multiply(warp.left, warp.right, warp.sums, depth);
      for (int i = 0; i < 4; i++) {
        add(warp.registers, d[i], c[i], warp.sums, (i >> 1) * 8 * COLUMNS + (i & 1));
      }
    }

    /** To [16, 16], of which the first {@code depth} columns are used. */
    private void unpackLeft(long[] r, float[] left) {
      for (int i = 0; i < a.length; i++) {
        int start = (i & 1) * 8 * 16 + (i >> 1) * 8;
        for (int lane = 0; lane < Warp.LANES; lane++) {
          int bits = (int) r[a[i] + lane];
          int at = start + (lane >> 2) * 16 + (lane & 3) * 2;
          left[at] = format.widen(bits);
          left[at + 1] = format.widen(bits >>> 16);
        }
      }
    }

    /** To [depth, 8]. */
    private void unpackRight(long[] r, float[] right) {
      for (int i = 0; i < b.length; i++) {
        for (int lane = 0; lane < Warp.LANES; lane++) {
          int bits = (int) r[b[i] + lane];
          int at = (i * 8 + (lane & 3) * 2) * COLUMNS + (lane >> 2);
          right[at] = format.widen(bits);
          right[at + COLUMNS] = format.widen(bits >>> 16);
        }
      }
    }

    private static void multiply(float[] left, float[] right, float[] sums, int depth) {
      for (int row = 0; row < ROWS; row++) {
        float s0 = 0;
        float s1 = 0;
        float s2 = 0;
        float s3 = 0;
        float s4 = 0;
        float s5 = 0;
        float s6 = 0;
        float s7 = 0;
        for (int k = 0; k < depth; k++) {
          float x = left[row * 16 + k];
          int at = k * COLUMNS;
          s0 += x * right[at];
          s1 += x * right[at + 1];
          s2 += x * right[at + 2];
          s3 += x * right[at + 3];
          s4 += x * right[at + 4];
          s5 += x * right[at + 5];
          s6 += x * right[at + 6];
          s7 += x * right[at + 7];
        }
        int at = row * COLUMNS;
        sums[at] = s0;
        sums[at + 1] = s1;
        sums[at + 2] = s2;
        sums[at + 3] = s3;
        sums[at + 4] = s4;
        sums[at + 5] = s5;
        sums[at + 6] = s6;
        sums[at + 7] = s7;
      }
    }

    private static void add(long[] r, int d, int c, float[] sums, int start) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        float sum = sums[start + (lane >> 2) * COLUMNS + (lane & 3) * 2];
        r[d + lane] = LaneLoop.bits(LaneLoop.real(r[c + lane]) + sum);
      }
    }
  }

  /**
   * {@code ldmatrix}: 8 x 8 matrices of 16-bit numbers from shared memory. Lane 8 i + j gives the
   * address of row j of matrix i; lane 4 g + t gets the elements 2 t and 2 t + 1 of row g of every
   * matrix, or of column g if transposed.
   */
  private static final class Load extends WholeWarp {
    private static final int ROW_BYTES = 16;
    private static final Set<String> COUNTS = Set.of("x1", "x2", "x4");

    private final int[] targets;
    private final boolean transposed;
    private final Decoding.Location location;

    Load(Decoding decoding) {
      decoding.take("aligned");
      decoding.takeType();
      transposed = decoding.take("trans");
      String count = decoding.takeAny(COUNTS);
      Space space = decoding.takeSpace();
      if (!decoding.take("m8n8") || count == null || space != Space.SHARED) {
        throw decoding.refuse("its form is not known");
      }
      targets = rows(decoding, 0, true, count.charAt(1) - '0');
      location = decoding.location(1, space);
      decoding.access(space, ROW_BYTES);
    }

    @Override
    void execute(Warp warp) {
      int rows = targets.length * 8;
      int[] index = warp.rowIndex;
      SharedMemory shared = warp.block.shared();
      for (int lane = 0; lane < rows; lane++) {
        index[lane] = shared.readingRow(warp, lane, location.address(warp, lane), ROW_BYTES);
      }
      for (int i = 0; i < targets.length; i++) {
        for (int lane = 0; lane < Warp.LANES; lane++) {
          warp.registers[targets[i] + lane] = pair(shared.bytes, index, i * 8, lane);
        }
      }
    }

    private long pair(byte[] bytes, int[] index, int matrix, int lane) {
      int group = lane >> 2;
      int pair = (lane & 3) * 2;
      if (!transposed) {
        return Bits.get(bytes, index[matrix + group] + pair * 2, Integer.BYTES);
      }
      long first = Bits.get(bytes, index[matrix + pair] + group * 2, Short.BYTES) & 0xffff;
      long second = Bits.get(bytes, index[matrix + pair + 1] + group * 2, Short.BYTES) & 0xffff;
      return first | second << 16;
    }
  }

  /**
   * {@code stmatrix}: the reverse of {@code ldmatrix}, with the addresses and the elements where
   * they are there.
   */
  private static final class Store extends WholeWarp {
    private static final int ROW_BYTES = 16;
    private static final Set<String> COUNTS = Set.of("x1", "x2", "x4");

    private final int[] sources;
    private final boolean transposed;
    private final Decoding.Location location;

    Store(Decoding decoding) {
      decoding.take("aligned");
      decoding.takeType();
      transposed = decoding.take("trans");
      String count = decoding.takeAny(COUNTS);
      Space space = decoding.takeSpace();
      if (!decoding.take("m8n8") || count == null || space != Space.SHARED) {
        throw decoding.refuse("its form is not known");
      }
      sources = rows(decoding, 1, false, count.charAt(1) - '0');
      location = decoding.location(0, space);
      decoding.access(space, ROW_BYTES);
    }

    @Override
    void execute(Warp warp) {
      SharedMemory shared = warp.block.shared();
      for (int row = 0; row < sources.length * 8; row++) {
        int index = shared.writing(warp, row, location.address(warp, row), ROW_BYTES, false);
        int matrix = sources[row >> 3];
        for (int column = 0; column < 8; column++) {
          int lane = transposed ? column * 4 + (row & 7) / 2 : (row & 7) * 4 + column / 2;
          int high = transposed ? row & 1 : column & 1;
          long element = warp.registers[matrix + lane] >>> (16 * high);
          Bits.set(shared.bytes, index + column * Short.BYTES, Short.BYTES, element);
        }
      }
      warp.block.changed();
    }
  }
}
