package dev.fovea.kernels.cuda.interpreter;

import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;

/**
 * An operation on whole rows of registers. Frequent operations are loops of their own, which the
 * compiler can unroll; the others are made of what they do for one lane.
 */
interface LaneLoop {

  /** A function of three numbers. */
  interface LongTernary {
    long apply(long a, long b, long c);
  }

  /** A function of one number. */
  interface FloatUnary {
    float apply(float a);
  }

  /** A function of two numbers. */
  interface FloatBinary {
    float apply(float a, float b);
  }

  /** A function of three numbers. */
  interface FloatTernary {
    float apply(float a, float b, float c);
  }

  /**
   * Computes all 32 lanes.
   *
   * @param r registers
   * @param d row of the result
   * @param a row of the first operand; operands that the operation does not have are row 0
   * @param b row of the second operand
   * @param c row of the third operand
   */
  void run(long[] r, int d, int a, int b, int c);

  /** A loop of a function of one number. */
  static LaneLoop of(LongUnaryOperator function) {
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        r[d + i] = function.applyAsLong(r[a + i]);
      }
    };
  }

  /** A loop of a function of two numbers. */
  static LaneLoop of(LongBinaryOperator function) {
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        r[d + i] = function.applyAsLong(r[a + i], r[b + i]);
      }
    };
  }

  /** A loop of a function of three numbers. */
  static LaneLoop of(LongTernary function) {
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        r[d + i] = function.apply(r[a + i], r[b + i], r[c + i]);
      }
    };
  }

  /** A loop of a function of float32. */
  static LaneLoop ofFloat(FloatUnary function) {
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        r[d + i] = bits(function.apply(real(r[a + i])));
      }
    };
  }

  /** A loop of a function of two float32. */
  static LaneLoop ofFloats(FloatBinary function) {
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        r[d + i] = bits(function.apply(real(r[a + i]), real(r[b + i])));
      }
    };
  }

  /** A loop of a function of three float32. */
  static LaneLoop ofFloats(FloatTernary function) {
    return (r, d, a, b, c) -> {
      for (int i = 0; i < Warp.LANES; i++) {
        r[d + i] = bits(function.apply(real(r[a + i]), real(r[b + i]), real(r[c + i])));
      }
    };
  }

  /** The float32 in a register. */
  static float real(long register) {
    return Float.intBitsToFloat((int) register);
  }

  /** A register with a float32. */
  static long bits(float value) {
    return Float.floatToRawIntBits(value);
  }
}
