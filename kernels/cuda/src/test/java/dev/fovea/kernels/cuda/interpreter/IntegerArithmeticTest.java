package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.cuda.interpreter.Evaluation.Expectation;
import java.math.BigInteger;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Integer and bit instructions against arithmetic without a width. */
class IntegerArithmeticTest {

  private interface Exact {
    BigInteger of(BigInteger a, BigInteger b, BigInteger c);
  }

  private static BigInteger value(PtxType type, long bits) {
    BigInteger low = BigInteger.valueOf(bits).mod(BigInteger.ONE.shiftLeft(type.bits()));
    return type.signed() && low.testBit(type.bits() - 1)
        ? low.subtract(BigInteger.ONE.shiftLeft(type.bits()))
        : low;
  }

  private static Arguments exact(String opcode, PtxType type, int operands, Exact exact) {
    return exact(opcode, type, type, operands, exact);
  }

  private static Arguments exact(
      String opcode, PtxType type, PtxType result, int operands, Exact exact) {
    Expectation expectation =
        (a, b, c) -> exact.of(value(type, a), value(type, b), value(type, c)).longValue();
    return Arguments.of(
        opcode + "." + type.text(), result, Collections.nCopies(operands, type), "", expectation);
  }

  private static Stream<Arguments> sums() {
    return Stream.of(PtxType.S16, PtxType.U16, PtxType.S32, PtxType.U32, PtxType.S64, PtxType.U64)
        .flatMap(
            type ->
                Stream.of(
                    exact("add", type, 2, (a, b, c) -> a.add(b)),
                    exact("sub", type, 2, (a, b, c) -> a.subtract(b)),
                    exact("mul.lo", type, 2, (a, b, c) -> a.multiply(b)),
                    exact("mul.hi", type, 2, (a, b, c) -> a.multiply(b).shiftRight(type.bits())),
                    exact("mad.lo", type, 3, (a, b, c) -> a.multiply(b).add(c)),
                    exact("min", type, 2, (a, b, c) -> a.min(b)),
                    exact("max", type, 2, (a, b, c) -> a.max(b)),
                    exact("sad", type, 3, (a, b, c) -> a.subtract(b).abs().add(c)),
                    exact("div", type, 2, (a, b, c) -> divided(a, b)),
                    exact("rem", type, 2, (a, b, c) -> remainder(a, b))));
  }

  /** All ones where the language leaves the result open. */
  private static BigInteger divided(BigInteger a, BigInteger b) {
    return b.signum() == 0 ? BigInteger.ONE.negate() : a.divide(b);
  }

  private static BigInteger remainder(BigInteger a, BigInteger b) {
    return b.signum() == 0 ? BigInteger.ONE.negate() : a.remainder(b);
  }

  private static Stream<Arguments> wide() {
    return Stream.of(
            List.of(PtxType.S16, PtxType.S32),
            List.of(PtxType.U16, PtxType.U32),
            List.of(PtxType.S32, PtxType.S64),
            List.of(PtxType.U32, PtxType.U64))
        .map(types -> exact("mul.wide", types.get(0), types.get(1), 2, (a, b, c) -> a.multiply(b)));
  }

  private static Stream<Arguments> signed() {
    return Stream.of(PtxType.S16, PtxType.S32, PtxType.S64)
        .flatMap(
            type ->
                Stream.of(
                    exact("neg", type, 1, (a, b, c) -> a.negate()),
                    exact("abs", type, 1, (a, b, c) -> a.abs())));
  }

  private static Stream<Arguments> shifts() {
    return Stream.of(
            PtxType.B16,
            PtxType.B32,
            PtxType.B64,
            PtxType.S16,
            PtxType.S32,
            PtxType.S64,
            PtxType.U32,
            PtxType.U64)
        .flatMap(type -> Stream.of(shift("shr", type), shift("shl", type)))
        .filter(arguments -> !((String) arguments.get()[0]).matches("shl.[su].*"));
  }

  /** Amounts have 32 bits whatever is shifted; beyond the width they count as the width. */
  private static Arguments shift(String name, PtxType type) {
    Expectation expectation =
        (a, b, c) -> {
          int amount = (int) Math.min(b & 0xffffffffL, type.bits());
          BigInteger value = value(type, a);
          return (name.equals("shl") ? value.shiftLeft(amount) : value.shiftRight(amount))
              .longValue();
        };
    return Arguments.of(
        name + "." + type.text(), type, List.of(type, PtxType.B32), "", expectation);
  }

  private static Arguments bits(
      String opcode, PtxType result, List<PtxType> types, String suffix, Expectation expectation) {
    return Arguments.of(opcode, result, types, suffix, expectation);
  }

  private static Stream<Arguments> logic() {
    PtxType b32 = PtxType.B32;
    PtxType b64 = PtxType.B64;
    return Stream.of(
        bits("and.b64", b64, List.of(b64, b64), "", (a, b, c) -> a & b),
        bits("or.b32", b32, List.of(b32, b32), "", (a, b, c) -> a | b),
        bits("xor.b16", PtxType.B16, List.of(PtxType.B16, PtxType.B16), "", (a, b, c) -> a ^ b),
        bits("not.b32", b32, List.of(b32), "", (a, b, c) -> ~a),
        bits("cnot.b32", b32, List.of(b32), "", (a, b, c) -> (int) a == 0 ? 1 : 0),
        bits("lop3.b32", b32, List.of(b32, b32, b32), ", 0xca", (a, b, c) -> (a & b) | (~a & c)),
        bits("lop3.b32", b32, List.of(b32, b32, b32), ", 0x96", (a, b, c) -> a ^ b ^ c),
        bits(
            "lop3.b32",
            b32,
            List.of(b32, b32, b32),
            ", 0xe8",
            (a, b, c) -> (a & b) | (c & (a | b))),
        bits("popc.b32", b32, List.of(b32), "", (a, b, c) -> Integer.bitCount((int) a)),
        bits("popc.b64", b32, List.of(b64), "", (a, b, c) -> Long.bitCount(a)),
        bits("clz.b32", b32, List.of(b32), "", (a, b, c) -> Integer.numberOfLeadingZeros((int) a)),
        bits("clz.b64", b32, List.of(b64), "", (a, b, c) -> Long.numberOfLeadingZeros(a)),
        bits("brev.b32", b32, List.of(b32), "", (a, b, c) -> Integer.reverse((int) a)),
        bits("brev.b64", b64, List.of(b64), "", (a, b, c) -> Long.reverse(a)),
        bits("bfind.u32", b32, List.of(PtxType.U32), "", (a, b, c) -> topBit(a & 0xffffffffL)),
        bits("bfind.s64", b32, List.of(PtxType.S64), "", (a, b, c) -> topBit(a < 0 ? ~a : a)),
        bits(
            "add.sat.s32",
            b32,
            List.of(b32, b32),
            "",
            (a, b, c) -> clamped((long) (int) a + (int) b)),
        bits(
            "sub.sat.s32",
            b32,
            List.of(b32, b32),
            "",
            (a, b, c) -> clamped((long) (int) a - (int) b)));
  }

  private static long topBit(long value) {
    return value == 0 ? -1 : Long.SIZE - 1 - Long.numberOfLeadingZeros(value);
  }

  private static long clamped(long value) {
    return Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, value));
  }

  private static Stream<Arguments> fields() {
    PtxType b32 = PtxType.B32;
    PtxType b64 = PtxType.B64;
    return Stream.of(
        bits("bfe.u32", b32, List.of(b32, b32, b32), "", (a, b, c) -> field(PtxType.U32, a, b, c)),
        bits("bfe.s32", b32, List.of(b32, b32, b32), "", (a, b, c) -> field(PtxType.S32, a, b, c)),
        bits("bfe.u64", b64, List.of(b64, b32, b32), "", (a, b, c) -> field(PtxType.U64, a, b, c)),
        bits("bfe.s64", b64, List.of(b64, b32, b32), "", (a, b, c) -> field(PtxType.S64, a, b, c)),
        bits("bfi.b32", b32, List.of(b32, b32, b32), ", 9", (a, b, c) -> inserted(32, a, b, c, 9)),
        bits(
            "bfi.b64", b64, List.of(b64, b64, b32), ", 40", (a, b, c) -> inserted(64, a, b, c, 40)),
        bits("prmt.b32", b32, List.of(b32, b32, b32), "", IntegerArithmeticTest::permuted),
        bits(
            "shf.l.wrap.b32",
            b32,
            List.of(b32, b32, b32),
            "",
            (a, b, c) -> funnel(a, b) << (c & 31) >>> 32),
        bits(
            "shf.r.wrap.b32",
            b32,
            List.of(b32, b32, b32),
            "",
            (a, b, c) -> funnel(a, b) >>> (c & 31)),
        bits(
            "shf.l.clamp.b32", b32, List.of(b32, b32, b32), "", (a, b, c) -> left(funnel(a, b), c)),
        bits(
            "shf.r.clamp.b32",
            b32,
            List.of(b32, b32, b32),
            "",
            (a, b, c) -> funnel(a, b) >>> Math.min(c & 0xffffffffL, 32)));
  }

  /** Bit by bit, as the language defines it: bits beyond the number are its sign, or 0. */
  private static long field(PtxType type, long value, long start, long length) {
    int from = (int) start & 0xff;
    int count = (int) length & 0xff;
    int sign = type.signed() && count > 0 ? Math.min(from + count - 1, type.bits() - 1) : -1;
    long result = 0;
    for (int i = 0; i < type.bits(); i++) {
      boolean inside = i < count && from + i < type.bits();
      int bit = inside ? from + i : sign;
      if (bit >= 0 && (value >>> bit & 1) != 0) {
        result |= 1L << i;
      }
    }
    return result;
  }

  private static long inserted(int bits, long field, long base, long start, int length) {
    int from = (int) start & 0xff;
    long result = base;
    for (int i = 0; i < length && from + i < bits; i++) {
      long bit = field >>> i & 1;
      result = (result & ~(1L << (from + i))) | (bit << (from + i));
    }
    return result;
  }

  private static long permuted(long a, long b, long c) {
    byte[] bytes = new byte[8];
    for (int i = 0; i < 8; i++) {
      bytes[i] = (byte) ((i < 4 ? a : b) >>> (8 * (i & 3)));
    }
    long result = 0;
    for (int i = 0; i < 4; i++) {
      int choice = (int) (c >>> (4 * i)) & 15;
      byte chosen = bytes[choice & 7];
      result |= (long) ((choice > 7 ? chosen >> 7 : chosen) & 0xff) << (8 * i);
    }
    return result;
  }

  private static long funnel(long low, long high) {
    return high << 32 | (low & 0xffffffffL);
  }

  private static long left(long both, long amount) {
    return (amount & 0xffffffffL) >= 32 ? both : both << amount >>> 32;
  }

  @ParameterizedTest(name = "{0}{3}")
  @MethodSource({"sums", "wide", "signed", "shifts", "logic", "fields"})
  @DisplayName("equals arithmetic without a width")
  void equalsArithmetic(
      String opcode, PtxType result, List<PtxType> types, String suffix, Expectation expectation) {
    Evaluation.of(opcode, result, types, suffix, Evaluation.integers(types.getFirst()))
        .check(
            (what, a, b, c, actual) ->
                assertThat(result.extend(actual))
                    .as(what)
                    .isEqualTo(result.extend(expectation.of(a, b, c))));
  }
}
