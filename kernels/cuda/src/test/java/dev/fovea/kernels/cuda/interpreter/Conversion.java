package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Rounding.Mode;
import java.util.Map;
import java.util.Set;

/** {@code cvt}: numbers of one type to another. */
final class Conversion extends Instruction {

  private static final Set<String> ROUNDINGS = Set.of("rn", "rz", "rm", "rp");
  private static final Set<String> INTEGER_ROUNDINGS = Set.of("rni", "rzi", "rmi", "rpi");

  private final LaneLoop loop;
  private final int target;
  private final int first;
  private final int second;

  private Conversion(LaneLoop loop, int target, int first, int second) {
    this.loop = loop;
    this.target = target;
    this.first = first;
    this.second = second;
  }

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("cvt", Conversion::decode);
  }

  private static Conversion decode(Decoding decoding) {
    PtxType from = decoding.takeType();
    PtxType to = decoding.takeType();
    boolean saturate = decoding.take("sat");
    boolean flush = decoding.take("ftz");
    boolean positive = decoding.take("relu");
    String integral = decoding.takeAny(INTEGER_ROUNDINGS);
    String rounding = decoding.takeAny(ROUNDINGS);
    Mode mode =
        integral != null
            ? Mode.named(integral.substring(0, 2))
            : Mode.named(rounding == null ? "rn" : rounding);
    LaneLoop loop;
    if (to == PtxType.F16X2 || to == PtxType.BF16X2) {
      loop = packed(decoding, HalfFormat.of(to), mode, positive);
    } else if (!from.floating() && !to.floating()) {
      loop = saturate ? LaneLoop.of(a -> clamped(from, to, a)) : integers(from, to);
    } else if (!from.floating()) {
      loop = LaneLoop.of(a -> fromInteger(from.extend(a), from, to, mode));
    } else if (!to.floating()) {
      loop = LaneLoop.of(a -> toInteger(real(from, flush, a), from, to, mode));
    } else {
      loop = floats(decoding, from, to, integral != null ? mode : null, mode);
    }
    if (to.floating() && (flush || saturate || positive)) {
      loop = adjusted(loop, from, to, flush, saturate, positive);
    }
    int target = decoding.target(0);
    int first = decoding.source(1);
    int second = decoding.count() > 2 ? decoding.source(2) : first;
    return new Conversion(loop, target, first, second);
  }

  /** The first operand goes into the upper half. */
  private static LaneLoop packed(
      Decoding decoding, HalfFormat format, Mode mode, boolean positive) {
    if (mode != Mode.NEAREST) {
      throw decoding.refuse("rounding 16 bits other than to nearest is not known");
    }
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        float high = LaneLoop.real(r[a + i]);
        float low = LaneLoop.real(r[b + i]);
        r[d + i] =
            (long) format.round(positive ? FloatArithmetic.larger(high, 0) : high) << 16
                | format.round(positive ? FloatArithmetic.larger(low, 0) : low);
      }
    };
  }

  private static LaneLoop integers(PtxType from, PtxType to) {
    return LaneLoop.of(a -> to.extend(from.extend(a)));
  }

  private static long clamped(PtxType from, PtxType to, long register) {
    long value = from.extend(register);
    boolean huge = from == PtxType.U64 && value < 0;
    if (to.bytes() == Long.BYTES) {
      boolean fits = from.signed() == to.signed() || value >= 0;
      return fits ? value : to.signed() ? Long.MAX_VALUE : 0;
    }
    long most = to.signed() ? (1L << (to.bits() - 1)) - 1 : (1L << to.bits()) - 1;
    long least = to.signed() ? -most - 1 : 0;
    return huge ? most : Math.clamp(value, least, most);
  }

  private static long fromInteger(long value, PtxType from, PtxType to, Mode mode) {
    boolean huge = from == PtxType.U64 && value < 0;
    // Halved with the last bit kept, so that rounding sees that something is there; doubled
    // afterwards.
    long halved = huge ? (value >>> 1) | (value & 1) : value;
    double nearest = (double) halved;
    double error = (double) (halved - (long) nearest);
    if (nearest == 0x1p63) {
      error = (double) (halved - Long.MAX_VALUE) - 1;
    }
    double scale = huge ? 2 : 1;
    return switch (to) {
      case F64 -> Double.doubleToRawLongBits(nearest * scale);
      case F32 -> LaneLoop.bits((float) (Rounding.toFloat(nearest, error, mode) * scale));
      default -> HalfFormat.of(to).round(Rounding.toOddFloat(nearest * scale, error * scale));
    };
  }

  /**
   * Out of range becomes the nearest number in range. Not a number becomes 0, but where 64 bits are
   * involved the number whose only bit is the uppermost.
   */
  private static long toInteger(double value, PtxType from, PtxType to, Mode mode) {
    if (Double.isNaN(value)) {
      boolean wide = from == PtxType.F64 || to.bytes() == Long.BYTES;
      return wide ? 1L << (to.bits() - 1) : 0;
    }
    double whole = Rounding.toInteger(value, mode);
    if (to == PtxType.U64) {
      if (whole >= 0x1p64) {
        return -1;
      }
      return whole < 0x1p63 ? Math.max((long) whole, 0) : (long) (whole - 0x1p63) ^ Long.MIN_VALUE;
    }
    if (to == PtxType.S64) {
      return (long) whole;
    }
    long most = to.signed() ? (1L << (to.bits() - 1)) - 1 : (1L << to.bits()) - 1;
    return Math.clamp((long) whole, to.signed() ? -most - 1 : 0, most);
  }

  /**
   * Between floats.
   *
   * @param integral rounds to a whole number first, if not null
   */
  private static LaneLoop floats(
      Decoding decoding, PtxType from, PtxType to, Mode integral, Mode mode) {
    boolean toHalf = to.bytes() == Short.BYTES;
    if (toHalf && mode != Mode.NEAREST && integral == null) {
      throw decoding.refuse("rounding 16 bits other than to nearest is not known");
    }
    if (from == PtxType.F32 && toHalf && integral == null) {
      HalfFormat format = HalfFormat.of(to);
      return LaneLoop.of(a -> format.round(LaneLoop.real(a)));
    }
    if (to == PtxType.F32 && from.bytes() == Short.BYTES && integral == null) {
      HalfFormat format = HalfFormat.of(from);
      return LaneLoop.of(a -> LaneLoop.bits(format.widen((int) a)));
    }
    return LaneLoop.of(
        a -> {
          double value = real(from, false, a);
          return bits(to, integral == null ? value : Rounding.toInteger(value, integral), mode);
        });
  }

  private static double real(PtxType type, boolean flush, long register) {
    return switch (type) {
      case F64 -> Double.longBitsToDouble(register);
      case F32 -> LaneLoop.real(flush ? Arithmetic.flushed(register) : register);
      default -> HalfFormat.of(type).widen((int) register);
    };
  }

  private static long bits(PtxType type, double value, Mode mode) {
    return switch (type) {
      case F64 -> Double.doubleToRawLongBits(value);
      case F32 -> LaneLoop.bits(Rounding.toFloat(value, 0, mode));
      default -> HalfFormat.of(type).round(Rounding.toOddFloat(value, 0));
    };
  }

  /**
   * Flushes subnormal float32 on both sides, clamps to [0, 1], or lets nothing negative through.
   */
  private static LaneLoop adjusted(
      LaneLoop loop, PtxType from, PtxType to, boolean flush, boolean saturate, boolean positive) {
    return (r, d, a, b, c) -> {
      long[] row = new long[2 * Warp.LANES];
      for (int i = 0; i < Warp.LANES; i++) {
        long source = r[a + i];
        row[Warp.LANES + i] = flush && from == PtxType.F32 ? Arithmetic.flushed(source) : source;
      }
      loop.run(row, 0, Warp.LANES, Warp.LANES, Warp.LANES);
      for (int i = 0; i < Warp.LANES; i++) {
        double result = real(to, flush, row[i]);
        if (saturate) {
          result = result > 0 ? Math.min(result, 1) : 0;
        }
        r[d + i] = bits(to, positive && !(result > 0) ? 0 : result, Mode.NEAREST);
      }
    };
  }

  @Override
  void execute(Warp warp, int lanes) {
    loop.run(warp.registers, Warp.SCRATCH, first, second, second);
    warp.take(target, lanes);
  }
}
