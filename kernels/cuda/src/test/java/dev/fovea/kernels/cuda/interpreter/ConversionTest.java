package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.cuda.interpreter.Evaluation.Expectation;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Conversions between all kinds of numbers. */
class ConversionTest {

  private static Stream<Arguments> integers() {
    return Stream.of(
        conversion("cvt.s64.s32", PtxType.S64, PtxType.S32, a -> (int) a),
        conversion("cvt.u64.u32", PtxType.U64, PtxType.U32, a -> a & 0xffffffffL),
        conversion("cvt.u32.u64", PtxType.U32, PtxType.U64, a -> a & 0xffffffffL),
        conversion("cvt.u16.u32", PtxType.U16, PtxType.U32, a -> a & 0xffff),
        conversion("cvt.s32.s16", PtxType.S32, PtxType.S16, a -> (short) a),
        conversion("cvt.u32.u16", PtxType.U32, PtxType.U16, a -> a & 0xffff),
        conversion("cvt.s32.s8", PtxType.S32, PtxType.S32, a -> (byte) a),
        conversion("cvt.u32.u8", PtxType.U32, PtxType.U32, a -> a & 0xff),
        conversion(
            "cvt.sat.u8.s32", PtxType.U32, PtxType.S32, a -> Math.max(0, Math.min(255, (int) a))),
        conversion(
            "cvt.sat.s16.s32",
            PtxType.S32,
            PtxType.S32,
            a -> Math.max(-32768, Math.min(32767, (int) a))),
        conversion(
            "cvt.sat.u32.s64", PtxType.U32, PtxType.S64, a -> Math.clamp(a, 0, 0xffffffffL)));
  }

  private interface Unary {
    long of(long a);
  }

  private static Arguments conversion(String opcode, PtxType to, PtxType from, Unary expected) {
    return Arguments.of(opcode, to, from, (Expectation) (a, b, c) -> expected.of(a));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("integers")
  @DisplayName("integers are cut off, extended or clamped")
  void integers(String opcode, PtxType to, PtxType from, Expectation expected) {
    Evaluation.of(opcode, to, List.of(from), "", Evaluation.integers(from))
        .check(
            (what, a, b, c, actual) ->
                assertThat(to.extend(actual)).as(what).isEqualTo(expected.of(a, b, c)));
  }

  private static Stream<Arguments> fromIntegers() {
    return Stream.of(
        Arguments.of("cvt.rn.f32.s32", PtxType.S32, "rn"),
        Arguments.of("cvt.rn.f32.u32", PtxType.U32, "rn"),
        Arguments.of("cvt.rn.f32.s64", PtxType.S64, "rn"),
        Arguments.of("cvt.rn.f32.u64", PtxType.U64, "rn"),
        Arguments.of("cvt.rz.f32.s32", PtxType.S32, "rz"),
        Arguments.of("cvt.rm.f32.s64", PtxType.S64, "rm"),
        Arguments.of("cvt.rp.f32.u64", PtxType.U64, "rp"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("fromIntegers")
  @DisplayName("integers to float32, rounded in every direction")
  void fromIntegers(String opcode, PtxType from, String rounding) {
    Evaluation.of(opcode, PtxType.F32, List.of(from), "", Evaluation.integers(from))
        .check(
            (what, a, b, c, actual) -> {
              BigDecimal exact = new BigDecimal(integer(from, a));
              float expected =
                  switch (rounding) {
                    case "rn" -> ExactRounding.nearest(exact);
                    case "rm" -> ExactRounding.down(exact);
                    case "rp" -> ExactRounding.up(exact);
                    default ->
                        exact.signum() < 0 ? ExactRounding.up(exact) : ExactRounding.down(exact);
                  };
              assertThat(LaneLoop.real(actual) + 0f).as(what).isEqualTo(expected + 0f);
            });
  }

  private static BigInteger integer(PtxType type, long bits) {
    return type == PtxType.U64
        ? new BigInteger(Long.toUnsignedString(bits))
        : BigInteger.valueOf(type.extend(bits));
  }

  private static Stream<Arguments> toIntegers() {
    return Stream.of("rni", "rzi", "rmi", "rpi")
        .flatMap(
            rounding ->
                Stream.of(PtxType.S32, PtxType.U32, PtxType.S64, PtxType.U64, PtxType.U16)
                    .map(type -> Arguments.of(rounding, type)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("toIntegers")
  @DisplayName(
      "float32 to integers, clamped to their range; what is no number becomes 0, or the uppermost"
          + " of 64 bits")
  void toIntegers(String rounding, PtxType to) {
    Evaluation.of(
            "cvt." + rounding + "." + to.text() + ".f32",
            to,
            List.of(PtxType.F32),
            "",
            Evaluation.floats())
        .check(
            (what, a, b, c, actual) -> {
              BigInteger expected = clamped(to, LaneLoop.real(a), rounding);
              assertThat(integer(to, actual)).as(what).isEqualTo(expected);
            });
  }

  private static BigInteger clamped(PtxType type, float value, String rounding) {
    BigInteger range = BigInteger.ONE.shiftLeft(type.bits() - (type.signed() ? 1 : 0));
    BigInteger least = type.signed() ? range.negate() : BigInteger.ZERO;
    BigInteger most = range.subtract(BigInteger.ONE);
    if (Float.isNaN(value)) {
      BigInteger top = BigInteger.ONE.shiftLeft(type.bits() - 1);
      return type.bits() < Long.SIZE ? BigInteger.ZERO : type.signed() ? top.negate() : top;
    }
    if (Float.isInfinite(value)) {
      return value > 0 ? most : least;
    }
    double whole =
        switch (rounding) {
          case "rni" -> Math.rint(value);
          case "rzi" -> value < 0 ? Math.ceil(value) : Math.floor(value);
          case "rmi" -> Math.floor(value);
          default -> Math.ceil(value);
        };
    return new BigDecimal(whole).toBigInteger().max(least).min(most);
  }

  private static Stream<Arguments> floats() {
    return Stream.of(
        conversion(
            "cvt.rn.f16.f32",
            PtxType.F16,
            PtxType.F32,
            a -> Float.floatToFloat16(LaneLoop.real(a)) & 0xffff),
        conversion("cvt.rn.bf16.f32", PtxType.BF16, PtxType.F32, ConversionTest::brain),
        conversion(
            "cvt.f32.f16", PtxType.F32, PtxType.F16, a -> bits(Float.float16ToFloat((short) a))),
        conversion(
            "cvt.f32.bf16",
            PtxType.F32,
            PtxType.BF16,
            a -> bits(Float.intBitsToFloat((int) a << 16))),
        conversion(
            "cvt.f64.f32",
            PtxType.F64,
            PtxType.F32,
            a -> Double.doubleToLongBits(LaneLoop.real(a))),
        conversion(
            "cvt.rni.f32.f32",
            PtxType.F32,
            PtxType.F32,
            a -> bits((float) Math.rint(LaneLoop.real(a)))),
        conversion(
            "cvt.rmi.f32.f32",
            PtxType.F32,
            PtxType.F32,
            a -> bits((float) Math.floor(LaneLoop.real(a)))),
        conversion(
            "cvt.sat.f32.f32",
            PtxType.F32,
            PtxType.F32,
            a -> bits(LaneLoop.real(a) > 0 ? Math.min(1, LaneLoop.real(a)) : 0)),
        conversion(
            "cvt.ftz.f32.f32",
            PtxType.F32,
            PtxType.F32,
            a ->
                bits(
                    Math.abs(LaneLoop.real(a)) < Float.MIN_NORMAL
                        ? Math.copySign(0, LaneLoop.real(a))
                        : LaneLoop.real(a))));
  }

  private static long bits(float value) {
    return Float.floatToIntBits(value) & 0xffffffffL;
  }

  /** The nearest of the two numbers with 16 bits around it. */
  private static long brain(long a) {
    float value = LaneLoop.real(a);
    if (Float.isNaN(value) || Float.isInfinite(value)) {
      return Float.isNaN(value) ? 0x7fff : a >>> 16 & 0xffff;
    }
    int below = (int) (a >>> 16) & 0xffff;
    double low = Float.intBitsToFloat(below << 16);
    double high = Float.intBitsToFloat((below + 1) << 16);
    double up = Double.isInfinite(high) ? Math.copySign(0x1p128, low) : high;
    double toLow = Math.abs(value - low);
    double toHigh = Math.abs(up - value);
    return toLow < toHigh || (toLow == toHigh && (below & 1) == 0) ? below : below + 1;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("floats")
  @DisplayName("between floats")
  void floats(String opcode, PtxType to, PtxType from, Expectation expected) {
    List<long[]> operands = from == PtxType.F32 ? Evaluation.floats() : Evaluation.integers(from);
    Evaluation.of(opcode, to, List.of(from), "", operands)
        .check(
            (what, a, b, c, actual) -> {
              long value = expected.of(a, b, c);
              if (!notANumber(to, value)) {
                assertThat(to.extend(actual)).as(what).isEqualTo(value);
              } else {
                assertThat(notANumber(to, actual)).as(what).isTrue();
              }
            });
  }

  private static boolean notANumber(PtxType type, long bits) {
    return switch (type) {
      case F64 -> Double.isNaN(Double.longBitsToDouble(bits));
      case F32 -> Float.isNaN(LaneLoop.real(bits));
      default -> Float.isNaN(HalfFormat.of(type).widen((int) bits));
    };
  }

  @Test
  @DisplayName("two float32 to two of 16 bits, the first one on top")
  void packed() {
    for (HalfFormat format : HalfFormat.values()) {
      String opcode = format == HalfFormat.F16 ? "cvt.rn.f16x2.f32" : "cvt.rn.bf16x2.f32";
      Evaluation.of(opcode, PtxType.B32, List.of(PtxType.F32, PtxType.F32), "", Evaluation.floats())
          .check(
              (what, a, b, c, actual) -> {
                long high = format.round(LaneLoop.real(a));
                long low = format.round(LaneLoop.real(b));
                assertThat(actual & 0xffffffffL).as(what).isEqualTo((high << 16) | low);
              });
    }
  }

  @Test
  @DisplayName("float64 to float32 and to 16 bits in one rounding")
  void narrowed() {
    // A little more than half way between 1 and the next f16; float32 in between would lose that.
    long value = Double.doubleToRawLongBits(1 + 0x1p-11 + 0x1p-40);
    List<long[]> operands = List.of(new long[] {value, 0, 0});
    Evaluation.of("cvt.rn.f16.f64", PtxType.F16, List.of(PtxType.F64), "", operands)
        .check((what, a, b, c, actual) -> assertThat(actual & 0xffff).isEqualTo(0x3c01));
    Evaluation.of("cvt.rp.f32.f64", PtxType.F32, List.of(PtxType.F64), "", operands)
        .check(
            (what, a, b, c, actual) ->
                assertThat(LaneLoop.real(actual)).isEqualTo(Math.nextUp(1 + 0x1p-11f)));
  }
}
