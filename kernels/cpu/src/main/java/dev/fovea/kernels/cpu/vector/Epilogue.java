package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE_SIZE;

import dev.fovea.kernels.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * What happens to a tile between the matrix product and its place in the result, while it is still
 * in the first-level cache.
 *
 * <p>Arithmetic is done to a whole tile, [{@link Lanes#TILE}, {@link Lanes#PANEL}]; only on its way
 * out it matters which rows and columns are valid, and there vectors and single elements are
 * computed alike, so an element does not depend on those beside it.
 */
final class Epilogue {

  /** Floats of memory that {@link #activate} needs besides the tile. */
  static final int SCRATCH = TILE_SIZE;

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
   * Applies an activation in place. With {@link Activation#SWIGLU} the first vector of a row gates
   * the second, and the result is in the first.
   */
  static void activate(Activation activation, float[] tile, int offset, int scratch) {
    switch (activation) {
      case NONE -> {}
      case GELU -> gelu(tile, offset);
      case QUICK_GELU -> quickGelu(tile, offset, scratch);
      case SWIGLU -> swiglu(tile, offset, scratch);
    }
  }

  /** Adds a panel's part of a row to every row of a tile. */
  static void addRow(float[] tile, int offset, float[] row, int rowOffset) {
    FloatVector x = FloatVector.fromArray(SPECIES, row, rowOffset);
    FloatVector y = FloatVector.fromArray(SPECIES, row, rowOffset + COUNT);
    for (int i = offset; i < offset + TILE_SIZE; i += PANEL) {
      FloatVector.fromArray(SPECIES, tile, i).add(x).intoArray(tile, i);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).add(y).intoArray(tile, i + COUNT);
    }
  }

  /**
   * {@code max(x, 0) - |x| Q(|x|)} with the upper tail of the normal distribution Q, which is
   * {@code x (1 + erf(x / sqrt 2)) / 2} without cancellation for negative x. Minimum and maximum
   * are written as comparisons, which cost half: they need not tell apart what is special.
   */
  static void gelu(float[] tile, int offset) {
    for (int i = offset; i < offset + TILE_SIZE; i += COUNT) {
      FloatVector x = FloatVector.fromArray(SPECIES, tile, i);
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
      positive.sub(t.mul(e.mul(power)).blend(0, far)).intoArray(tile, i);
    }
  }

  private static void quickGelu(float[] tile, int offset, int scratch) {
    for (int i = 0; i < TILE_SIZE; i += COUNT) {
      FloatVector.fromArray(SPECIES, tile, offset + i)
          .mul(-QUICK_SLOPE)
          .intoArray(tile, scratch + i);
    }
    VectorMath.exp(tile, scratch, TILE_SIZE);
    for (int i = 0; i < TILE_SIZE; i += COUNT) {
      FloatVector x = FloatVector.fromArray(SPECIES, tile, offset + i);
      FloatVector e = FloatVector.fromArray(SPECIES, tile, scratch + i);
      x.div(e.add(1)).intoArray(tile, offset + i);
    }
  }

  private static void swiglu(float[] tile, int offset, int scratch) {
    for (int row = 0; row < TILE; row++) {
      FloatVector.fromArray(SPECIES, tile, offset + row * PANEL)
          .neg()
          .intoArray(tile, scratch + row * COUNT);
    }
    VectorMath.exp(tile, scratch, TILE * COUNT);
    for (int row = 0; row < TILE; row++) {
      int i = offset + row * PANEL;
      FloatVector gate = FloatVector.fromArray(SPECIES, tile, i);
      FloatVector up = FloatVector.fromArray(SPECIES, tile, i + COUNT);
      FloatVector e = FloatVector.fromArray(SPECIES, tile, scratch + row * COUNT);
      gate.div(e.add(1)).mul(up).intoArray(tile, i);
    }
  }

  /**
   * {@code y = tile} for some rows.
   *
   * @param from the first row's first element, the next row's {@link Lanes#PANEL} later
   * @param to the same in y, the next row's {@code width} later
   * @param columns elements of a row
   */
  static void copy(float[] tile, int from, int rows, int columns, float[] y, int to, int width) {
    if (columns != PANEL) {
      for (int row = 0; row < rows; row++) {
        System.arraycopy(tile, from + row * PANEL, y, to + row * width, columns);
      }
      return;
    }
    for (int row = 0; row < rows; row++) {
      int i = from + row * PANEL;
      int j = to + row * width;
      FloatVector.fromArray(SPECIES, tile, i).intoArray(y, j);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).intoArray(y, j + COUNT);
    }
  }

  /** {@code y = factor * x} for some elements of a row. */
  static void copyScaled(float[] x, int from, int count, float factor, float[] y, int to) {
    if (count != PANEL) {
      for (int i = 0; i < count; i++) {
        y[to + i] = x[from + i] * factor;
      }
      return;
    }
    FloatVector.fromArray(SPECIES, x, from).mul(factor).intoArray(y, to);
    FloatVector.fromArray(SPECIES, x, from + COUNT).mul(factor).intoArray(y, to + COUNT);
  }

  /** {@code y += gamma * tile} for some rows, as {@link #copy} has them. */
  static void addScaled(
      float[] tile,
      int from,
      int rows,
      int columns,
      float[] gamma,
      int gammaOffset,
      float[] y,
      int to,
      int width) {
    if (columns != PANEL) {
      addScaledPart(tile, from, rows, columns, gamma, gammaOffset, y, to, width);
      return;
    }
    FloatVector g0 = FloatVector.fromArray(SPECIES, gamma, gammaOffset);
    FloatVector g1 = FloatVector.fromArray(SPECIES, gamma, gammaOffset + COUNT);
    for (int row = 0; row < rows; row++) {
      int i = from + row * PANEL;
      int j = to + row * width;
      FloatVector y0 = FloatVector.fromArray(SPECIES, y, j);
      FloatVector y1 = FloatVector.fromArray(SPECIES, y, j + COUNT);
      FloatVector.fromArray(SPECIES, tile, i).fma(g0, y0).intoArray(y, j);
      FloatVector.fromArray(SPECIES, tile, i + COUNT).fma(g1, y1).intoArray(y, j + COUNT);
    }
  }

  private static void addScaledPart(
      float[] tile,
      int from,
      int rows,
      int columns,
      float[] gamma,
      int gammaOffset,
      float[] y,
      int to,
      int width) {
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        int j = to + row * width + column;
        y[j] = Math.fma(tile[from + row * PANEL + column], gamma[gammaOffset + column], y[j]);
      }
    }
  }

  /**
   * {@code y = tile + table} for some rows, as {@link #copy} has them; the table is as wide as y.
   */
  static void addTable(
      float[] tile,
      int from,
      int rows,
      int columns,
      float[] table,
      int tableOffset,
      float[] y,
      int to,
      int width) {
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        int i = row * width + column;
        y[to + i] = tile[from + row * PANEL + column] + table[tableOffset + i];
      }
    }
  }
}
