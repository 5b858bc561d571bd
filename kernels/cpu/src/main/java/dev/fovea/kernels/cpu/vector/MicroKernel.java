package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import jdk.incubator.vector.FloatVector;

/**
 * The innermost loop of every matrix product: a tile of {@link Lanes#TILE} rows by {@link
 * Lanes#PANEL} columns, as a sum of outer products.
 *
 * <p>Lanes run along the columns, so every element is one chain of fused multiply-adds in the order
 * of k: no sum across lanes, and the same bits wherever the element lies in a tile. All
 * accumulators are locals of one method, because a vector that crosses a call which is not inlined
 * is boxed, and then all of them are.
 *
 * <p>Rows of the left operand and of the result are {@link RowTiles#CHAIN} apart, a constant, so
 * that every address of a step is one register and a constant, and the checks of all stores are
 * few.
 */
final class MicroKernel {

  /** Steps that the loop takes at once. Where an inner dimension ends with less, it is slow. */
  static final int ROUND = TILE == 12 ? 1 : 4;

  /** Whether weights are read ahead; six rows gain nothing by it. */
  static final boolean READS_AHEAD = TILE == 12;

  /** Elements of what is read ahead that a step moves on: eight steps take a line. */
  static final int AHEAD = 2;

  /** Calls that read a panel of as many steps ahead. */
  static final int AHEAD_PARTS = PANEL / AHEAD;

  private MicroKernel() {}

  /**
   * {@code C = A B} for one tile and one chain.
   *
   * @param a row r, step s is at {@code a[aOffset + r * CHAIN + s]}
   * @param b step s, column j is at {@code b[bOffset + s * PANEL + j]}
   * @param steps the inner dimension, {@link RowTiles#CHAIN} at most; with 0 nothing is done
   * @param c row r, column j goes to {@code c[cOffset + r * CHAIN + j]}
   * @param ahead where {@code AHEAD * steps} elements of b start that will be needed soon
   * @return the sum of what was read ahead, which is of no use but to keep the reads
   */
  static float multiply(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int steps,
      float[] c,
      int cOffset,
      int ahead) {
    if (TILE == 12) {
      return TwelveRows.multiply(a, aOffset, b, bOffset, steps, c, cOffset, ahead);
    }
    int rest = steps % ROUND;
    int whole = steps - rest;
    SixRows.multiply(a, aOffset, b, bOffset, whole, c, cOffset);
    if (rest > 0) {
      int bRest = bOffset + whole * PANEL;
      SixRows.extend(a, aOffset + whole, b, bRest, rest, c, cOffset, whole == 0);
    }
    return 0;
  }

  /**
   * {@code C += A B} for one tile and one chain.
   *
   * @param scratch memory for a tile, where the product is summed by itself
   */
  static float multiplyAdd(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int steps,
      float[] c,
      int cOffset,
      int ahead,
      int scratch) {
    if (steps == 0) {
      return 0;
    }
    float read = multiply(a, aOffset, b, bOffset, steps, c, scratch, ahead);
    for (int i = 0; i < TILE * CHAIN; i += CHAIN) {
      FloatVector.fromArray(SPECIES, c, cOffset + i)
          .add(FloatVector.fromArray(SPECIES, c, scratch + i))
          .intoArray(c, cOffset + i);
      FloatVector.fromArray(SPECIES, c, cOffset + i + COUNT)
          .add(FloatVector.fromArray(SPECIES, c, scratch + i + COUNT))
          .intoArray(c, cOffset + i + COUNT);
    }
    return read;
  }
}
