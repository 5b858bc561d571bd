package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Arithmetic of 16-bit floats against exact arithmetic, rounded once. */
class HalfArithmeticTest {

  interface Exact {
    BigDecimal of(BigDecimal a, BigDecimal b, BigDecimal c);
  }

  /** Numbers of all exponents, so that sums lose bits at both ends. */
  private static List<long[]> operands(HalfFormat format) {
    SplittableRandom random = new SplittableRandom(5);
    List<long[]> operands = new ArrayList<>();
    while (operands.size() < 3000) {
      long[] three = new long[3];
      for (int i = 0; i < 3; i++) {
        three[i] = pair(format, random);
      }
      operands.add(three);
    }
    return operands;
  }

  private static long pair(HalfFormat format, SplittableRandom random) {
    return ((long) single(format, random) << 16) | single(format, random);
  }

  /** Magnitudes from 2^-14 to 2^6, whose products and sums are in range. */
  private static int single(HalfFormat format, SplittableRandom random) {
    double magnitude = Math.pow(2, random.nextInt(-14, 6)) * random.nextDouble(1, 2);
    return format.round((float) (random.nextBoolean() ? magnitude : -magnitude));
  }

  private static Stream<Arguments> operations() {
    return Stream.of(HalfFormat.values())
        .flatMap(
            format ->
                Stream.of(
                    Arguments.of(format, "add.rn", 2, (Exact) (a, b, c) -> a.add(b)),
                    Arguments.of(format, "sub.rn", 2, (Exact) (a, b, c) -> a.subtract(b)),
                    Arguments.of(format, "mul.rn", 2, (Exact) (a, b, c) -> a.multiply(b)),
                    Arguments.of(format, "fma.rn", 3, (Exact) (a, b, c) -> a.multiply(b).add(c)),
                    Arguments.of(format, "min", 2, (Exact) (a, b, c) -> a.min(b)),
                    Arguments.of(format, "max", 2, (Exact) (a, b, c) -> a.max(b)),
                    Arguments.of(format, "neg", 1, (Exact) (a, b, c) -> a.negate()),
                    Arguments.of(format, "abs", 1, (Exact) (a, b, c) -> a.abs())));
  }

  @ParameterizedTest(name = "{1}.{0}")
  @MethodSource("operations")
  @DisplayName("one number and two of them, rounded once")
  void roundedOnce(HalfFormat format, String name, int operands, Exact exact) {
    PtxType one = format == HalfFormat.F16 ? PtxType.F16 : PtxType.BF16;
    PtxType two = format == HalfFormat.F16 ? PtxType.F16X2 : PtxType.BF16X2;
    for (PtxType type : new PtxType[] {one, two}) {
      Evaluation.of(
              name + "." + type.text(),
              type,
              Collections.nCopies(operands, type),
              "",
              operands(format))
          .check(
              (what, a, b, c, actual) -> {
                for (int shift = 0; shift < type.bits(); shift += 16) {
                  BigDecimal expected =
                      exact.of(
                          decimal(format, a >>> shift),
                          decimal(format, b >>> shift),
                          decimal(format, c >>> shift));
                  int bits = (int) (actual >>> shift) & 0xffff;
                  assertThat(format.widen(bits)).as(what).isEqualTo(signed(format, expected));
                }
              });
    }
  }

  private static float signed(HalfFormat format, BigDecimal exact) {
    float magnitude = format.widen(ExactRounding.nearest(format, exact.abs()));
    return exact.signum() < 0 ? -magnitude : magnitude + 0f;
  }

  private static BigDecimal decimal(HalfFormat format, long bits) {
    return new BigDecimal(format.widen((int) bits));
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("every 16-bit number survives widening and rounding, and ties go to even")
  void rounding(HalfFormat format) {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = format.widen(bits);
      if (Float.isNaN(value)) {
        assertThat(format.widen(format.round(value))).isNaN();
      } else {
        assertThat(format.round(value)).isEqualTo(bits);
        float next = format.widen(bits + 1);
        if (Float.isFinite(value) && Float.isFinite(next)) {
          float middle = value + (next - value) / 2;
          assertThat(format.round(middle)).isEqualTo((bits & 1) == 0 ? bits : bits + 1);
        }
      }
    }
  }

  @Test
  @DisplayName("powers of two of packed numbers")
  void powers() {
    List<long[]> operands =
        List.of(new long[] {0xc000_3c00L, 0, 0}, new long[] {0x0000_7c00L, 0, 0});
    List<Long> results = new ArrayList<>();
    Evaluation.of("ex2.approx.f16x2", PtxType.F16X2, List.of(PtxType.F16X2), "", operands)
        .check((what, a, b, c, actual) -> results.add(actual));
    // 2^-2 and 2^1, then 2^0 and 2^infinity.
    assertThat(results).containsExactly(0x3400_4000L, 0x3c00_7c00L);
  }
}
