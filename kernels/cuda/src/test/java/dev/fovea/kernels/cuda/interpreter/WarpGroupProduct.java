package dev.fovea.kernels.cuda.interpreter;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code wgmma.mma_async}: {@code d = a b + d} or {@code d = a b}; a is 64 x 16, in shared memory
 * or in registers, b is 16 x n, in shared memory, d is 64 x n float32.
 *
 * <p>Warp w of the group holds the rows from 16 w of d, and of a if that is in registers. Of these
 * rows lane 4 g + t holds g and g + 8: of a the columns 2 t, 2 t + 1 and the same 8 further on, of
 * d the columns 2 t and 2 t + 1 of every eight.
 *
 * <p>The product is computed when all four warps have come, and is in the registers at once, which
 * nobody sees: who looks at them, or changes an operand, before a wait makes a fault. As with
 * {@code mma.sync} the products of one instruction are added up in float32 by ascending k.
 */
final class WarpGroupProduct extends WholeWarp {

  private static final Pattern SHAPE =
      Pattern.compile("\\.sync\\.aligned\\.m64n(\\d+)k16\\.f32\\.(f16|bf16)\\.\\2");

  /** What may differ between executions: descriptors (0 for registers), and whether to add. */
  record Operands(long left, long right, boolean adds) {
    @Override
    public String toString() {
      return "descriptors 0x%x and 0x%x%s".formatted(left, right, adds ? "" : ", from 0");
    }
  }

  private static final int[] NONE = {};

  private final int columns;
  private final HalfFormat format;
  private final int[] d;
  private final int[] a;
  private final int left;
  private final int right;
  private final int adds;
  private final float sign;
  private final boolean leftAcross;
  private final boolean rightAcross;

  WarpGroupProduct(Decoding decoding) {
    Matcher shape = SHAPE.matcher(decoding.takeRest());
    if (!shape.matches()) {
      throw decoding.refuse("its shape or its types are not known");
    }
    columns = Integer.parseInt(shape.group(1));
    format = shape.group(2).equals("f16") ? HalfFormat.F16 : HalfFormat.BF16;
    d = decoding.plainRegisters(0);
    boolean inRegisters = decoding.operand(1) instanceof Syntax.Group;
    a = inRegisters ? decoding.plainRegisters(1) : NONE;
    left = inRegisters ? -1 : decoding.source(1);
    right = decoding.source(2);
    adds = decoding.predicate(decoding.operand(3));
    sign = (int) (decoding.immediate(4) * decoding.immediate(5));
    leftAcross = !inRegisters && decoding.immediate(6) != 0;
    rightAcross = decoding.immediate(inRegisters ? 6 : 7) != 0;
    boolean legal =
        columns % 8 == 0
            && columns >= 8
            && columns <= ProductBuffers.MOST_COLUMNS
            && d.length == columns / 2
            && (!inRegisters || a.length == 4)
            && Math.abs(sign) == 1
            && decoding.count() == (inRegisters ? 7 : 8);
    if (!legal) {
      throw decoding.refuse("its number of columns, registers or operands is not known");
    }
    decoding.access(Space.SHARED, 16);
    decoding.asynchronous();
  }

  @Override
  void execute(Warp warp) {
    int sums = warp.predicates[adds];
    if (sums != 0 && sums != Warp.ALL) {
      throw warp.fault(0, "adds in the lanes %08x, but not in the others".formatted(sums));
    }
    if (warp.block.cluster().agents().products(warp.number) >= Agents.MOST_READERS) {
      throw warp.fault(0, "has more warps around it than the interpreter can follow");
    }
    requireDefined(warp, a);
    if (sums != 0) {
      requireDefined(warp, d);
    }
    long a64 = left < 0 ? 0 : uniform(warp, left, "the left descriptor");
    long b64 = uniform(warp, right, "the right descriptor");
    warp.products.start(d, a);
    warp.block.group(warp).multiply(warp, this, new Operands(a64, b64, sums != 0));
  }

  private static void requireDefined(Warp warp, int[] registers) {
    for (int register : registers) {
      requireDefined(warp, register, Warp.ALL);
    }
  }

  /** Computes the product for all four warps. */
  void multiply(WarpGroup group, Operands operands, ProductBuffers buffers) {
    for (int w = 0; w < WarpGroup.WARPS; w++) {
      if (left < 0) {
        unpackRegisters(group.warp(w), w * 16, buffers.left);
      } else {
        unpackLeft(group.warp(w), w, operands.left(), buffers.left);
      }
    }
    unpackRight(group, operands.right(), buffers.right);
    for (int row = 0; row < ProductBuffers.ROWS; row++) {
      buffers.multiply(row, columns);
      store(group.warp(row / 16), row % 16, buffers.sums, operands.adds());
    }
  }

  /** The 16 rows of a warp, to [64, 16] from row {@code first}. */
  private void unpackRegisters(Warp warp, int first, float[] to) {
    for (int i = 0; i < a.length; i++) {
      int start = (first + (i & 1) * 8) * ProductBuffers.DEPTH + (i >> 1) * 8;
      for (int lane = 0; lane < Warp.LANES; lane++) {
        int bits = (int) warp.registers[a[i] * Warp.LANES + lane];
        int at = start + (lane >> 2) * ProductBuffers.DEPTH + (lane & 3) * 2;
        to[at] = format.widen(bits);
        to[at + 1] = format.widen(bits >>> 16);
      }
    }
  }

  /** The 16 rows of a warp, which has to know what it reads, to [64, 16]. */
  private void unpackLeft(Warp warp, int w, long bits, float[] to) {
    MatrixDescriptor matrix = MatrixDescriptor.decode(bits);
    Synchronization clock = warp.synchronization;
    if (leftAcross) {
      for (int k = 0; k < ProductBuffers.DEPTH; k++) {
        for (int piece = 2 * w; piece < 2 * w + 2; piece++) {
          int at = piece * 8 * ProductBuffers.DEPTH + k;
          unpack(clock, warp, matrix.acrossK(k, piece), to, at, ProductBuffers.DEPTH);
        }
      }
      return;
    }
    for (int row = 16 * w; row < 16 * w + 16; row++) {
      int at = row * ProductBuffers.DEPTH;
      unpack(clock, warp, matrix.alongK(row, 0), to, at, 1);
      unpack(clock, warp, matrix.alongK(row, 1), to, at + 8, 1);
    }
  }

  /** All columns, which all four warps have to know, to [16, columns]. */
  private void unpackRight(WarpGroup group, long bits, float[] to) {
    MatrixDescriptor matrix = MatrixDescriptor.decode(bits);
    Synchronization clock = group.common();
    Warp warp = group.warp(0);
    if (rightAcross) {
      for (int k = 0; k < ProductBuffers.DEPTH; k++) {
        for (int piece = 0; piece < columns / 8; piece++) {
          unpack(clock, warp, matrix.acrossK(k, piece), to, k * columns + piece * 8, 1);
        }
      }
      return;
    }
    for (int column = 0; column < columns; column++) {
      unpack(clock, warp, matrix.alongK(column, 0), to, column, columns);
      unpack(clock, warp, matrix.alongK(column, 1), to, 8 * columns + column, columns);
    }
  }

  /** Eight numbers that follow each other in shared memory. */
  private void unpack(Synchronization clock, Warp warp, int address, float[] to, int at, int step) {
    SharedMemory shared = warp.block.shared();
    int agent = warp.block.cluster().agents().products(warp.number);
    int epoch = warp.products.group();
    int index = shared.readingAsync(clock, warp, 0, address, 16, agent, epoch);
    for (int i = 0; i < 8; i++) {
      to[at + i * step] = format.widen((int) Bits.get(shared.bytes, index + 2 * i, Short.BYTES));
    }
  }

  /** Puts a row of sums into a warp's registers. */
  private void store(Warp warp, int row, float[] sums, boolean add) {
    long[] r = warp.registers;
    int firstLane = (row & 7) * 4;
    int firstRegister = (row >> 3) * 2;
    for (int n = 0; n < columns; n++) {
      int register = d[(n >> 3) * 4 + firstRegister + (n & 1)];
      int at = register * Warp.LANES + firstLane + (n >> 1 & 3);
      float sum = sign * sums[n];
      r[at] = LaneLoop.bits(add ? LaneLoop.real(r[at]) + sum : sum);
    }
  }
}
