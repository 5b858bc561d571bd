package dev.fovea.kernels.cuda.interpreter;

import java.util.HashMap;
import java.util.Map;

/** Instructions that compute one number of up to three, lane by lane. */
final class Arithmetic extends Instruction {

  /**
   * By name and modifiers, without rounding to nearest, {@code .ftz} and, for floats, {@code .sat}.
   */
  private static final Map<String, LaneLoop> LOOPS = new HashMap<>();

  private final LaneLoop loop;
  private final int target;
  private final int first;
  private final int second;
  private final int third;

  private Arithmetic(LaneLoop loop, int target, int... sources) {
    this.loop = loop;
    this.target = target;
    first = sources[0];
    second = sources.length > 1 ? sources[1] : 0;
    third = sources.length > 2 ? sources[2] : 0;
  }

  static void register(Map<String, Opcodes.Decoder> decoders) {
    IntegerArithmetic.add(LOOPS);
    FloatArithmetic.add(LOOPS);
    DoubleArithmetic.add(LOOPS);
    HalfArithmetic.add(LOOPS);
    for (String key : LOOPS.keySet()) {
      String name = key.substring(0, key.indexOf('.'));
      decoders.put(name, decoding -> decode(name, decoding));
    }
    decoders.put("lop3", Arithmetic::decodeLogic);
  }

  private static Arithmetic decode(String name, Decoding decoding) {
    PtxType type = decoding.takeType();
    boolean flush = type == PtxType.F32 && decoding.take("ftz");
    boolean saturate = type == PtxType.F32 && decoding.take("sat");
    decoding.take("rn");
    String key = name + decoding.takeRest() + "." + type.text();
    LaneLoop loop = LOOPS.get(key);
    if (loop == null) {
      throw decoding.refuse(key + " is not known");
    }
    if (flush || saturate) {
      loop = adjusted(loop, flush, saturate);
    }
    int[] sources = new int[decoding.count() - 1];
    for (int i = 0; i < sources.length; i++) {
      sources[i] = decoding.source(i + 1);
    }
    return new Arithmetic(loop, decoding.target(0), sources);
  }

  /**
   * {@code lop3.b32 d, a, b, c, table}: bit i of the table is the result for the bits of a, b, c
   * that make up i.
   */
  private static Arithmetic decodeLogic(Decoding decoding) {
    decoding.takeType();
    int table = (int) decoding.immediate(4);
    LaneLoop loop = LaneLoop.of((a, b, c) -> logic(table, a, b, c));
    return new Arithmetic(
        loop, decoding.target(0), decoding.source(1), decoding.source(2), decoding.source(3));
  }

  private static long logic(int table, long a, long b, long c) {
    long result = 0;
    for (int i = 0; i < 8; i++) {
      if ((table >>> i & 1) != 0) {
        result |= ((i & 4) != 0 ? a : ~a) & ((i & 2) != 0 ? b : ~b) & ((i & 1) != 0 ? c : ~c);
      }
    }
    return result;
  }

  /**
   * Subnormal float32 count as zeros of their sign, before and after; results are clamped to [0,
   * 1].
   */
  private static LaneLoop adjusted(LaneLoop loop, boolean flush, boolean saturate) {
    return (r, d, a, b, c) -> {
      long[] rows = new long[4 * Warp.LANES];
      copy(r, a, rows, 1, flush);
      copy(r, b, rows, 2, flush);
      copy(r, c, rows, 3, flush);
      loop.run(rows, 0, Warp.LANES, 2 * Warp.LANES, 3 * Warp.LANES);
      for (int i = 0; i < Warp.LANES; i++) {
        float result = LaneLoop.real(flush ? flushed(rows[i]) : rows[i]);
        r[d + i] = LaneLoop.bits(saturate ? saturated(result) : result);
      }
    };
  }

  private static void copy(long[] r, int row, long[] rows, int number, boolean flush) {
    for (int i = 0; i < Warp.LANES; i++) {
      rows[number * Warp.LANES + i] = flush ? flushed(r[row + i]) : r[row + i];
    }
  }

  /** A float32 with exponent 0 becomes a zero of its sign. */
  static long flushed(long bits) {
    return (bits & 0x7f800000) == 0 ? bits & 0x80000000L : bits;
  }

  /** Clamped to [0, 1]; not a number becomes 0. */
  static float saturated(float value) {
    return value > 0 ? Math.min(value, 1) : 0;
  }

  @Override
  void execute(Warp warp, int lanes) {
    if (lanes == Warp.ALL) {
      loop.run(warp.registers, target, first, second, third);
    } else {
      loop.run(warp.registers, Warp.SCRATCH, first, second, third);
      warp.take(target, lanes);
    }
  }
}
