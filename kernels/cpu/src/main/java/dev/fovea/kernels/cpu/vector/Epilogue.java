package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

import dev.fovea.kernels.Activation;
import jdk.incubator.vector.FloatVector;

/**
 * What happens to a tile between the matrix product and its place in the result, while it is still
 * in the first-level cache.
 *
 * <p>Every method works on a whole tile, [{@link Lanes#TILE}, {@link Lanes#PANEL}], so an element's
 * arithmetic does not depend on how many rows and columns are valid. Memory behind the tile, as
 * large as the tile, is used as well.
 */
final class Epilogue {

  /** Floats that a method reads and writes, from the tile's first on. */
  static final int SCRATCH = 2 * TILE * PANEL;

  private static final int SIZE = TILE * PANEL;

  // ln(erfc(t / sqrt 2) / 2) for 0 <= t <= 10: a fit of our own (Lawson's algorithm), weighted so
  // that the absolute error of GELU is below 4e-8 before its last rounding. It goes on falling, and
  // at the limit its exponential is 0.
  private static final float LIMIT = 13;
  private static final float Q0 = -0.69314575f;
  private static final float Q1 = -0.7979064f;
  private static final float Q2 = -0.31819814f;
  private static final float Q3 = -0.03660698f;
  private static final float Q4 = 0.0051439987f;
  private static final float Q5 = -2.4584660e-4f;
  private static final float Q6 = -8.237173e-5f;
  private static final float Q7 = 2.2206517e-5f;
  private static final float Q8 = -2.5725226e-6f;
  private static final float Q9 = 1.5039163e-7f;
  private static final float Q10 = -3.5821122e-9f;

  private static final float QUICK_SLOPE = 1.702f;

  private Epilogue() {}

  /**
   * Applies an activation in place. With {@link Activation#SWIGLU} the first vector of a row gates
   * the second, and the result is in the first.
   */
  static void activate(Activation activation, float[] tile, int offset) {
    switch (activation) {
      case NONE -> {}
      case GELU -> gelu(tile, offset);
      case QUICK_GELU -> quickGelu(tile, offset);
      case SWIGLU -> swiglu(tile, offset);
    }
  }

  /** Adds a panel's bias to every row. */
  static void addBias(float[] tile, int offset, float[] bias, int biasOffset) {
    FloatVector b0 = FloatVector.fromArray(SPECIES, bias, biasOffset);
    FloatVector b1 = FloatVector.fromArray(SPECIES, bias, biasOffset + COUNT);
    for (int i = offset; i < offset + SIZE; i += PANEL) {
      FloatVector.fromArray(SPECIES, tile, i).add(b0).intoArray(tile, i);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).add(b1).intoArray(tile, i + COUNT);
    }
  }

  /** Multiplies every row by a panel's part of gamma. */
  static void scale(float[] tile, int offset, float[] gamma, int gammaOffset) {
    FloatVector g0 = FloatVector.fromArray(SPECIES, gamma, gammaOffset);
    FloatVector g1 = FloatVector.fromArray(SPECIES, gamma, gammaOffset + COUNT);
    for (int i = offset; i < offset + SIZE; i += PANEL) {
      FloatVector.fromArray(SPECIES, tile, i).mul(g0).intoArray(tile, i);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).mul(g1).intoArray(tile, i + COUNT);
    }
  }

  /** Multiplies every row by a number of its own. */
  static void scaleRows(float[] tile, int offset, float[] factors, int factorOffset) {
    for (int row = 0; row < TILE; row++) {
      FloatVector factor = FloatVector.broadcast(SPECIES, factors[factorOffset + row]);
      int i = offset + row * PANEL;
      FloatVector.fromArray(SPECIES, tile, i).mul(factor).intoArray(tile, i);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).mul(factor).intoArray(tile, i + COUNT);
    }
  }

  /**
   * {@code max(x, 0) - |x| Q(|x|)} with the upper tail of the normal distribution Q, which is
   * {@code x (1 + erf(x / sqrt 2)) / 2} without cancellation for negative x.
   */
  static void gelu(float[] tile, int offset) {
    logarithmOfTail(tile, offset);
    VectorMath.exp(tile, offset + SIZE, SIZE);
    for (int i = offset; i < offset + SIZE; i += COUNT) {
      FloatVector x = FloatVector.fromArray(SPECIES, tile, i);
      FloatVector tail = FloatVector.fromArray(SPECIES, tile, i + SIZE);
      x.max(0).sub(x.abs().min(LIMIT).mul(tail)).intoArray(tile, i);
    }
  }

  private static void logarithmOfTail(float[] tile, int offset) {
    for (int i = offset; i < offset + SIZE; i += COUNT) {
      FloatVector t = FloatVector.fromArray(SPECIES, tile, i).abs().min(LIMIT);
      FloatVector q = FloatVector.broadcast(SPECIES, Q10);
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q9));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q8));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q7));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q6));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q5));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q4));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q3));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q2));
      q = q.fma(t, FloatVector.broadcast(SPECIES, Q1));
      q.fma(t, FloatVector.broadcast(SPECIES, Q0)).intoArray(tile, i + SIZE);
    }
  }

  private static void quickGelu(float[] tile, int offset) {
    for (int i = offset; i < offset + SIZE; i += COUNT) {
      FloatVector.fromArray(SPECIES, tile, i).mul(-QUICK_SLOPE).intoArray(tile, i + SIZE);
    }
    VectorMath.exp(tile, offset + SIZE, SIZE);
    for (int i = offset; i < offset + SIZE; i += COUNT) {
      FloatVector x = FloatVector.fromArray(SPECIES, tile, i);
      x.div(FloatVector.fromArray(SPECIES, tile, i + SIZE).add(1)).intoArray(tile, i);
    }
  }

  private static void swiglu(float[] tile, int offset) {
    int end = offset + SIZE;
    for (int i = offset, e = end; i < end; i += PANEL, e += COUNT) {
      FloatVector.fromArray(SPECIES, tile, i).neg().intoArray(tile, e);
    }
    VectorMath.exp(tile, end, SIZE / 2);
    for (int i = offset, e = end; i < end; i += PANEL, e += COUNT) {
      FloatVector gate = FloatVector.fromArray(SPECIES, tile, i);
      FloatVector up = FloatVector.fromArray(SPECIES, tile, i + COUNT);
      FloatVector one = FloatVector.fromArray(SPECIES, tile, e).add(1);
      gate.div(one).mul(up).intoArray(tile, i);
    }
  }
}
