package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The exponential, once for softmax and all activations. It works on arrays, which here never leave
 * the first-level cache, because vectors must not cross a call.
 */
final class VectorMath {

  /** Below this the result is 0: the true one is hardly a normal number. */
  private static final float SMALLEST = -87;

  /** Above this the result is infinite; the last ones that float32 could hold are given up. */
  private static final float LARGEST = 88.37f;

  private static final float LOG2_E = 1.442695f;

  /**
   * Adding this rounds a float to a whole number, and leaves that, with the bias of an exponent
   * added, in the low bits of the sum.
   */
  static final float ROUNDER = 0x1.8p23f + 127;

  /** ln 2 in two parts, so that multiples of it are taken off without an error. */
  private static final float LN2_HIGH = 355f / 512;

  private static final float LN2_LOW = -2.1219444e-4f;

  /** Bits of a float below its exponent. */
  static final int EXPONENT_SHIFT = 23;

  // (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2: a minimax fit of our own (Lawson's algorithm),
  // relative error of the exponential 4e-9 before rounding.
  private static final float P0 = 0.49999994f;
  private static final float P1 = 0.16666521f;
  private static final float P2 = 0.04166839f;
  private static final float P3 = 0.008368745f;
  private static final float P4 = 0.0013814539f;

  private VectorMath() {}

  /**
   * {@code x = exp(x)} for a whole number of vectors, within 2 units in the last place; 0 below
   * -87, infinity above 88.37, NaN stays NaN.
   */
  static void exp(float[] x, int offset, int length) {
    for (int i = offset; i < offset + length; i += COUNT) {
      FloatVector value = FloatVector.fromArray(SPECIES, x, i);
      FloatVector shifted =
          value.fma(
              FloatVector.broadcast(SPECIES, LOG2_E), FloatVector.broadcast(SPECIES, ROUNDER));
      FloatVector power = shifted.sub(ROUNDER);
      FloatVector r = power.fma(FloatVector.broadcast(SPECIES, -LN2_HIGH), value);
      r = power.fma(FloatVector.broadcast(SPECIES, -LN2_LOW), r);
      FloatVector q = FloatVector.broadcast(SPECIES, P4);
      q = q.fma(r, FloatVector.broadcast(SPECIES, P3));
      q = q.fma(r, FloatVector.broadcast(SPECIES, P2));
      q = q.fma(r, FloatVector.broadcast(SPECIES, P1));
      q = q.fma(r, FloatVector.broadcast(SPECIES, P0));
      FloatVector e = q.fma(r.mul(r), r).add(1);
      FloatVector scale =
          shifted
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, EXPONENT_SHIFT)
              .reinterpretAsFloats();
      VectorMask<Float> tooSmall = value.compare(VectorOperators.LT, SMALLEST);
      VectorMask<Float> tooLarge = value.compare(VectorOperators.GT, LARGEST);
      e.mul(scale).blend(0, tooSmall).blend(Float.POSITIVE_INFINITY, tooLarge).intoArray(x, i);
    }
  }
}
