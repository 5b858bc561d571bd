package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * float32 and float64 instructions against Java's own arithmetic, and against exact arithmetic
 * where Java has none.
 */
class FloatArithmeticTest {

  interface Real {
    float of(float a, float b, float c);
  }

  interface Exact {
    BigDecimal of(BigDecimal a, BigDecimal b, BigDecimal c);
  }

  interface Round {
    float of(BigDecimal exact);
  }

  private static float real(long bits) {
    return LaneLoop.real(bits);
  }

  private static Evaluation evaluate(String opcode, int operands) {
    return Evaluation.of(
        opcode, PtxType.F32, Collections.nCopies(operands, PtxType.F32), "", Evaluation.floats());
  }

  private static Stream<Arguments> nearest() {
    return Stream.of(
        Arguments.of("add.f32", 2, (Real) (a, b, c) -> a + b),
        Arguments.of("add.rn.f32", 2, (Real) (a, b, c) -> a + b),
        Arguments.of("sub.f32", 2, (Real) (a, b, c) -> a - b),
        Arguments.of("mul.f32", 2, (Real) (a, b, c) -> a * b),
        Arguments.of("fma.rn.f32", 3, (Real) (a, b, c) -> Math.fma(a, b, c)),
        Arguments.of("div.rn.f32", 2, (Real) (a, b, c) -> a / b),
        Arguments.of("rcp.rn.f32", 1, (Real) (a, b, c) -> 1 / a),
        Arguments.of("sqrt.rn.f32", 1, (Real) (a, b, c) -> (float) Math.sqrt(a)),
        Arguments.of("neg.f32", 1, (Real) (a, b, c) -> -a),
        Arguments.of("abs.f32", 1, (Real) (a, b, c) -> Math.abs(a)),
        Arguments.of(
            "min.f32", 2, (Real) (a, b, c) -> numeric(a, b) ? Math.min(a, b) : number(a, b)),
        Arguments.of(
            "max.f32", 2, (Real) (a, b, c) -> numeric(a, b) ? Math.max(a, b) : number(a, b)),
        Arguments.of("min.NaN.f32", 2, (Real) (a, b, c) -> Math.min(a, b)),
        Arguments.of("copysign.f32", 2, (Real) (a, b, c) -> Math.copySign(b, sign(a))),
        Arguments.of("add.ftz.f32", 2, (Real) (a, b, c) -> normal(normal(a) + normal(b))),
        Arguments.of(
            "fma.rn.ftz.f32",
            3,
            (Real) (a, b, c) -> normal(Math.fma(normal(a), normal(b), normal(c)))),
        Arguments.of("fma.rn.sat.f32", 3, (Real) (a, b, c) -> unit(Math.fma(a, b, c))),
        Arguments.of(
            "mul.ftz.sat.f32", 2, (Real) (a, b, c) -> unit(normal(normal(a) * normal(b)))));
  }

  private static boolean numeric(float a, float b) {
    return !Float.isNaN(a) && !Float.isNaN(b);
  }

  private static float number(float a, float b) {
    return Float.isNaN(a) ? b : a;
  }

  /** Java's own sign of not-a-number is open; here it is that of its bits. */
  private static float sign(float a) {
    return Float.floatToRawIntBits(a) < 0 ? -1 : 1;
  }

  private static float normal(float a) {
    return Math.abs(a) < Float.MIN_NORMAL ? Math.copySign(0, a) : a;
  }

  private static float unit(float a) {
    return Float.isNaN(a) ? 0 : Math.max(0, Math.min(1, a));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("nearest")
  @DisplayName("has the same bits as Java, but for the bits of what is no number")
  void sameBits(String opcode, int operands, Real expected) {
    evaluate(opcode, operands)
        .check(
            (what, a, b, c, actual) -> {
              float value = expected.of(real(a), real(b), real(c));
              assertThat(Float.valueOf(real(actual))).as(what).isEqualTo(Float.valueOf(value));
            });
  }

  private static Stream<Arguments> directed() {
    Exact sum = (a, b, c) -> a.add(b);
    Exact product = (a, b, c) -> a.multiply(b);
    Exact both = (a, b, c) -> a.multiply(b).add(c);
    Round zero = exact -> exact.signum() < 0 ? ExactRounding.up(exact) : ExactRounding.down(exact);
    return Stream.of(
        Arguments.of("add.rm.f32", 2, sum, (Round) ExactRounding::down),
        Arguments.of("add.rp.f32", 2, sum, (Round) ExactRounding::up),
        Arguments.of("add.rz.f32", 2, sum, zero),
        Arguments.of("mul.rm.f32", 2, product, (Round) ExactRounding::down),
        Arguments.of("mul.rz.f32", 2, product, zero),
        Arguments.of("fma.rm.f32", 3, both, (Round) ExactRounding::down),
        Arguments.of("fma.rp.f32", 3, both, (Round) ExactRounding::up),
        Arguments.of("fma.rz.f32", 3, both, zero));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("directed")
  @DisplayName("is the neighbour of the exact result on the right side")
  void directedRounding(String opcode, int operands, Exact exact, Round round) {
    evaluate(opcode, operands)
        .check(
            (what, a, b, c, actual) -> {
              if (ordinary(a) && ordinary(b) && ordinary(c)) {
                BigDecimal result = exact.of(decimal(a), decimal(b), decimal(c));
                assertThat(real(actual) + 0f).as(what).isEqualTo(round.of(result) + 0f);
              }
            });
  }

  /** Finite, and neither so large nor so small that products leave the range of normal numbers. */
  private static boolean ordinary(long bits) {
    float magnitude = Math.abs(real(bits));
    return magnitude == 0 || (magnitude > 0x1p-60f && magnitude < 0x1p60f);
  }

  private static BigDecimal decimal(long bits) {
    return new BigDecimal(real(bits));
  }

  private static Stream<Arguments> functions() {
    return Stream.of(
        Arguments.of("ex2.approx.f32", (Real) (a, b, c) -> (float) StrictMath.pow(2, a)),
        Arguments.of(
            "ex2.approx.ftz.f32", (Real) (a, b, c) -> normal((float) StrictMath.pow(2, normal(a)))),
        Arguments.of(
            "lg2.approx.f32", (Real) (a, b, c) -> (float) (StrictMath.log(a) / StrictMath.log(2))),
        Arguments.of("sin.approx.f32", (Real) (a, b, c) -> (float) StrictMath.sin(a)),
        Arguments.of("cos.approx.f32", (Real) (a, b, c) -> (float) StrictMath.cos(a)),
        Arguments.of("tanh.approx.f32", (Real) (a, b, c) -> (float) StrictMath.tanh(a)),
        Arguments.of("rsqrt.approx.f32", (Real) (a, b, c) -> (float) (1 / StrictMath.sqrt(a))),
        Arguments.of("sqrt.approx.f32", (Real) (a, b, c) -> (float) StrictMath.sqrt(a)),
        Arguments.of("rcp.approx.ftz.f32", (Real) (a, b, c) -> normal(1 / normal(a))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("functions")
  @DisplayName("is within one unit in the last place of the exact function")
  void functions(String opcode, Real expected) {
    evaluate(opcode, 1)
        .check(
            (what, a, b, c, actual) -> {
              float value = expected.of(real(a), 0, 0);
              if (Float.isFinite(value)) {
                assertThat(real(actual)).as(what).isCloseTo(value, within(Math.ulp(value)));
              } else {
                assertThat(Float.valueOf(real(actual))).as(what).isEqualTo(Float.valueOf(value));
              }
            });
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("doubles")
  @DisplayName("float64")
  void doubles(String opcode, int operands, DoubleCase expected) {
    List<long[]> values =
        Evaluation.floats().stream()
            .map(o -> new long[] {doubled(o[0]), doubled(o[1]), doubled(o[2])})
            .toList();
    Evaluation.of(opcode, PtxType.F64, Collections.nCopies(operands, PtxType.F64), "", values)
        .check(
            (what, a, b, c, actual) -> {
              double value =
                  expected.of(
                      Double.longBitsToDouble(a),
                      Double.longBitsToDouble(b),
                      Double.longBitsToDouble(c));
              assertThat(Double.valueOf(Double.longBitsToDouble(actual)))
                  .as(what)
                  .isEqualTo(Double.valueOf(value));
            });
  }

  interface DoubleCase {
    double of(double a, double b, double c);
  }

  private static long doubled(long bits) {
    return Double.doubleToRawLongBits(real(bits) * 1.000000001);
  }

  private static Stream<Arguments> doubles() {
    return Stream.of(
        Arguments.of("add.f64", 2, (DoubleCase) (a, b, c) -> a + b),
        Arguments.of("sub.f64", 2, (DoubleCase) (a, b, c) -> a - b),
        Arguments.of("mul.f64", 2, (DoubleCase) (a, b, c) -> a * b),
        Arguments.of("div.rn.f64", 2, (DoubleCase) (a, b, c) -> a / b),
        Arguments.of("fma.rn.f64", 3, (DoubleCase) (a, b, c) -> Math.fma(a, b, c)),
        Arguments.of("sqrt.rn.f64", 1, (DoubleCase) (a, b, c) -> Math.sqrt(a)),
        Arguments.of("rcp.rn.f64", 1, (DoubleCase) (a, b, c) -> 1 / a),
        Arguments.of("neg.f64", 1, (DoubleCase) (a, b, c) -> -a),
        Arguments.of("abs.f64", 1, (DoubleCase) (a, b, c) -> Math.abs(a)));
  }
}
