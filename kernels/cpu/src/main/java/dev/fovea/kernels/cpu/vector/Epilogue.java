package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import dev.fovea.kernels.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * What happens between the matrix product and its place in the result, while a tile is still in the
 * first-level cache: bias, activation, LayerScale, residual, in one pass.
 *
 * <p>Every method takes some rows of a tile, {@link RowTiles#CHAIN} apart, and a whole panel's
 * columns of them, and leaves the result in rows of y that are {@code width} apart. All elements
 * are computed alike, so none depends on those beside it.
 */
final class Epilogue {

  /** Floats of memory that {@link #activate} needs. */
  static final int SCRATCH = TILE * PANEL;

  // log2(erfc(t / sqrt 2) / 2) for 0 <= t <= 6: a fit of our own (Lawson's algorithm), weighted so
  // that the absolute error of GELU is below 7e-9 before roundings. Beyond, the tail is taken for
  // 0, and GELU is off by less than 7e-9.
  private static final float LIMIT = 6;
  private static final float Q0 = -0.99999887f;
  private static final float Q1 = -1.1511233f;
  private static final float Q2 = -0.45911545f;
  private static final float Q3 = -0.0527142f;
  private static final float Q4 = 0.0073333834f;
  private static final float Q5 = -3.2334204e-4f;
  private static final float Q6 = -1.144627e-4f;
  private static final float Q7 = 2.5083309e-5f;
  private static final float Q8 = -1.6904016e-6f;

  // 2^r for |r| <= 1/2, relative error 9e-8: enough for a tail that is a term of a larger sum.
  private static final float E1 = 0.693147f;
  private static final float E2 = 0.24022242f;
  private static final float E3 = 0.055507336f;
  private static final float E4 = 0.009671513f;
  private static final float E5 = 0.0013264728f;

  private static final float QUICK_SLOPE = 1.702f;

  private Epilogue() {}

  /**
   * {@code y = activation(tile + bias)}. With {@link Activation#SWIGLU} the first vector of a row
   * gates the second, and the result is one vector; the tile is overwritten.
   *
   * @param tile memory of the tile, and of {@link #SCRATCH} floats at {@code scratch}
   * @param from the first row's first element
   * @param biasOffset the element of the bias that belongs to it
   * @param to where it goes in y
   */
  static void activate(
      Activation activation,
      float[] tile,
      int from,
      int rows,
      float[] bias,
      int biasOffset,
      float[] y,
      int to,
      int scratch) {
    switch (activation) {
      case NONE -> addBias(tile, from, rows, bias, biasOffset, y, to);
      case GELU -> gelu(tile, from, rows, bias, biasOffset, y, to);
      case QUICK_GELU -> {
        addBias(tile, from, rows, bias, biasOffset, y, to);
        quickGelu(y, to, rows, tile, scratch);
      }
      case SWIGLU -> {
        addBias(tile, from, rows, bias, biasOffset, tile, from);
        swiglu(tile, from, rows, y, to, scratch);
      }
    }
  }

  /** {@code y = tile + bias}. */
  static void addBias(
      float[] tile, int from, int rows, float[] bias, int biasOffset, float[] y, int to) {
    if (rows == 0) {
      return;
    }
    FloatVector b0 = FloatVector.fromArray(SPECIES, bias, biasOffset);
    FloatVector b1 = FloatVector.fromArray(SPECIES, bias, biasOffset + COUNT);
    for (int row = 0; row < rows; row++) {
      int i = from + row * CHAIN;
      int j = to + row * CHAIN;
      FloatVector.fromArray(SPECIES, tile, i).add(b0).intoArray(y, j);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).add(b1).intoArray(y, j + COUNT);
    }
  }

  /**
   * With {@code x = tile + bias}: {@code y = max(x, 0) - |x| Q(|x|)} with the upper tail of the
   * normal distribution Q, which is {@code x (1 + erf(x / sqrt 2)) / 2} without cancellation for
   * negative x. Minimum and maximum are written as comparisons, which cost half: they need not tell
   * apart what is special.
   */
  static void gelu(
      float[] tile, int from, int rows, float[] bias, int biasOffset, float[] y, int to) {
    geluHalf(tile, from, rows, bias, biasOffset, y, to);
    geluHalf(tile, from + COUNT, rows, bias, biasOffset + COUNT, y, to + COUNT);
  }

  /**
   * One vector's columns: with a loop over rows alone, the compiler computes two rows at a time.
   */
  private static void geluHalf(
      float[] tile, int from, int rows, float[] bias, int biasOffset, float[] y, int to) {
    if (rows == 0) {
      return;
    }
    FloatVector b = FloatVector.fromArray(SPECIES, bias, biasOffset);
    for (int row = 0; row < rows; row++) {
      FloatVector x = FloatVector.fromArray(SPECIES, tile, from + row * CHAIN).add(b);
      FloatVector t = x.abs();
      VectorMask<Float> far = t.compare(VectorOperators.GT, LIMIT);
      t = t.blend(LIMIT, far);
      FloatVector t2 = t.mul(t);
      FloatVector t4 = t2.mul(t2);
      FloatVector q01 =
          t.fma(FloatVector.broadcast(SPECIES, Q1), FloatVector.broadcast(SPECIES, Q0));
      FloatVector q23 =
          t.fma(FloatVector.broadcast(SPECIES, Q3), FloatVector.broadcast(SPECIES, Q2));
      FloatVector q45 =
          t.fma(FloatVector.broadcast(SPECIES, Q5), FloatVector.broadcast(SPECIES, Q4));
      FloatVector q67 =
          t.fma(FloatVector.broadcast(SPECIES, Q7), FloatVector.broadcast(SPECIES, Q6));
      FloatVector q68 = t2.fma(FloatVector.broadcast(SPECIES, Q8), q67);
      FloatVector q = t4.fma(t2.fma(q68, q45), t2.fma(q23, q01));
      FloatVector shifted = q.add(VectorMath.ROUNDER);
      FloatVector r = q.sub(shifted.sub(VectorMath.ROUNDER));
      FloatVector r2 = r.mul(r);
      FloatVector e01 =
          r.fma(FloatVector.broadcast(SPECIES, E1), FloatVector.broadcast(SPECIES, 1));
      FloatVector e23 =
          r.fma(FloatVector.broadcast(SPECIES, E3), FloatVector.broadcast(SPECIES, E2));
      FloatVector e45 =
          r.fma(FloatVector.broadcast(SPECIES, E5), FloatVector.broadcast(SPECIES, E4));
      FloatVector e = r2.fma(r2.fma(e45, e23), e01);
      FloatVector power =
          shifted
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, VectorMath.EXPONENT_SHIFT)
              .reinterpretAsFloats();
      FloatVector positive = x.blend(0, x.compare(VectorOperators.LT, 0));
      positive.sub(t.mul(e.mul(power)).blend(0, far)).intoArray(y, to + row * CHAIN);
    }
  }

  private static void quickGelu(float[] y, int offset, int rows, float[] memory, int scratch) {
    for (int row = 0; row < rows; row++) {
      for (int lane = 0; lane < PANEL; lane += COUNT) {
        FloatVector.fromArray(SPECIES, y, offset + row * CHAIN + lane)
            .mul(-QUICK_SLOPE)
            .intoArray(memory, scratch + row * PANEL + lane);
      }
    }
    VectorMath.exp(memory, scratch, rows * PANEL);
    for (int row = 0; row < rows; row++) {
      for (int lane = 0; lane < PANEL; lane += COUNT) {
        int i = offset + row * CHAIN + lane;
        FloatVector e = FloatVector.fromArray(SPECIES, memory, scratch + row * PANEL + lane);
        FloatVector.fromArray(SPECIES, y, i).div(e.add(1)).intoArray(y, i);
      }
    }
  }

  private static void swiglu(float[] tile, int from, int rows, float[] y, int to, int scratch) {
    for (int row = 0; row < rows; row++) {
      FloatVector.fromArray(SPECIES, tile, from + row * CHAIN)
          .neg()
          .intoArray(tile, scratch + row * COUNT);
    }
    VectorMath.exp(tile, scratch, rows * COUNT);
    for (int row = 0; row < rows; row++) {
      int i = from + row * CHAIN;
      FloatVector gate = FloatVector.fromArray(SPECIES, tile, i);
      FloatVector up = FloatVector.fromArray(SPECIES, tile, i + COUNT);
      FloatVector e = FloatVector.fromArray(SPECIES, tile, scratch + row * COUNT);
      gate.div(e.add(1)).mul(up).intoArray(y, to + row * CHAIN);
    }
  }

  /** {@code y += gamma * (tile + bias)}; gamma has the bias's places. */
  static void addScaled(
      float[] tile,
      int from,
      int rows,
      float[] bias,
      float[] gamma,
      int biasOffset,
      float[] y,
      int to) {
    if (rows == 0) {
      return;
    }
    FloatVector b0 = FloatVector.fromArray(SPECIES, bias, biasOffset);
    FloatVector b1 = FloatVector.fromArray(SPECIES, bias, biasOffset + COUNT);
    FloatVector g0 = FloatVector.fromArray(SPECIES, gamma, biasOffset);
    FloatVector g1 = FloatVector.fromArray(SPECIES, gamma, biasOffset + COUNT);
    for (int row = 0; row < rows; row++) {
      int i = from + row * CHAIN;
      int j = to + row * CHAIN;
      FloatVector y0 = FloatVector.fromArray(SPECIES, y, j);
      FloatVector y1 = FloatVector.fromArray(SPECIES, y, j + COUNT);
      FloatVector.fromArray(SPECIES, tile, i).add(b0).fma(g0, y0).intoArray(y, j);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).add(b1).fma(g1, y1).intoArray(y, j + COUNT);
    }
  }

  /**
   * {@code y = factor * x}: some rows of a tile, a panel's columns of them.
   *
   * @param factors the first row's is at {@code factorOffset}
   */
  static void copyScaled(
      float[] x, int from, int rows, float[] factors, int factorOffset, float[] y, int to) {
    for (int row = 0; row < rows; row++) {
      FloatVector factor = FloatVector.broadcast(SPECIES, factors[factorOffset + row]);
      int i = from + row * CHAIN;
      int j = to + row * CHAIN;
      FloatVector.fromArray(SPECIES, x, i).mul(factor).intoArray(y, j);
      FloatVector.fromArray(SPECIES, x, i + COUNT).mul(factor).intoArray(y, j + COUNT);
    }
  }

  /** {@code y = x}: some rows of a tile, a panel's columns of them, to one row after another. */
  static void copy(float[] x, int from, int rows, float[] y, int to) {
    for (int row = 0; row < rows; row++) {
      int i = from + row * CHAIN;
      int j = to + row * PANEL;
      FloatVector.fromArray(SPECIES, x, i).intoArray(y, j);
      FloatVector.fromArray(SPECIES, x, i + COUNT).intoArray(y, j + COUNT);
    }
  }
}
