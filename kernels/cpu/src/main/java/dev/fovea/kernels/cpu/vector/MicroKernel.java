package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE_SIZE;

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
 * <p>All operands are in tiles of one shape ({@link RowTiles}), so that every address of a step is
 * one register and a constant, and the checks of 24 stores are two: with strides in variables a
 * call of 64 steps took 25 ns more than its 198 (AMD EPYC, Zen 5). The stores do nothing else:
 * where they also added to what was there, the compiler gave up on some of them in two of three
 * JVMs.
 */
final class MicroKernel {

  private MicroKernel() {}

  /**
   * {@code C = A B} for one tile and one chain.
   *
   * @param a row r, step s is at {@code a[aOffset + s / PANEL * TILE_SIZE + r * PANEL + s % PANEL]}
   * @param b step s, column j is at {@code b[bOffset + s * PANEL + j]}
   * @param steps the inner dimension
   * @param c row r, column j goes to {@code c[cOffset + r * PANEL + j]}
   */
  static void multiply(
      float[] a, int aOffset, float[] b, int bOffset, int steps, float[] c, int cOffset) {
    if (TILE == 12) {
      multiply12(a, aOffset, b, bOffset, steps, c, cOffset);
    } else {
      multiply6(a, aOffset, b, bOffset, steps, c, cOffset);
    }
  }

  /**
   * {@code C += A B} for one tile and one chain.
   *
   * @param scratch memory for a tile, where the product is summed by itself
   */
  static void multiplyAdd(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int steps,
      float[] c,
      int cOffset,
      int scratch) {
    multiply(a, aOffset, b, bOffset, steps, c, scratch);
    for (int i = 0; i < TILE_SIZE; i += COUNT) {
      FloatVector.fromArray(SPECIES, c, cOffset + i)
          .add(FloatVector.fromArray(SPECIES, c, scratch + i))
          .intoArray(c, cOffset + i);
    }
  }

  /** For 32 vector registers. */
  private static void multiply12(
      float[] a, int aOffset, float[] b, int bOffset, int steps, float[] c, int cOffset) {
    FloatVector c0x = FloatVector.zero(SPECIES);
    FloatVector c0y = FloatVector.zero(SPECIES);
    FloatVector c1x = FloatVector.zero(SPECIES);
    FloatVector c1y = FloatVector.zero(SPECIES);
    FloatVector c2x = FloatVector.zero(SPECIES);
    FloatVector c2y = FloatVector.zero(SPECIES);
    FloatVector c3x = FloatVector.zero(SPECIES);
    FloatVector c3y = FloatVector.zero(SPECIES);
    FloatVector c4x = FloatVector.zero(SPECIES);
    FloatVector c4y = FloatVector.zero(SPECIES);
    FloatVector c5x = FloatVector.zero(SPECIES);
    FloatVector c5y = FloatVector.zero(SPECIES);
    FloatVector c6x = FloatVector.zero(SPECIES);
    FloatVector c6y = FloatVector.zero(SPECIES);
    FloatVector c7x = FloatVector.zero(SPECIES);
    FloatVector c7y = FloatVector.zero(SPECIES);
    FloatVector c8x = FloatVector.zero(SPECIES);
    FloatVector c8y = FloatVector.zero(SPECIES);
    FloatVector c9x = FloatVector.zero(SPECIES);
    FloatVector c9y = FloatVector.zero(SPECIES);
    FloatVector c10x = FloatVector.zero(SPECIES);
    FloatVector c10y = FloatVector.zero(SPECIES);
    FloatVector c11x = FloatVector.zero(SPECIES);
    FloatVector c11y = FloatVector.zero(SPECIES);
    for (int block = 0; block < steps; block += PANEL) {
      int from = aOffset + block * TILE;
      int panel = bOffset + block * PANEL;
      int end = Math.min(PANEL, steps - block);
      for (int step = 0; step < end; step++) {
        FloatVector bx = FloatVector.fromArray(SPECIES, b, panel + step * PANEL);
        FloatVector by = FloatVector.fromArray(SPECIES, b, panel + step * PANEL + COUNT);
        FloatVector a0 = FloatVector.broadcast(SPECIES, a[from + step]);
        c0x = a0.fma(bx, c0x);
        c0y = a0.fma(by, c0y);
        FloatVector a1 = FloatVector.broadcast(SPECIES, a[from + PANEL + step]);
        c1x = a1.fma(bx, c1x);
        c1y = a1.fma(by, c1y);
        FloatVector a2 = FloatVector.broadcast(SPECIES, a[from + 2 * PANEL + step]);
        c2x = a2.fma(bx, c2x);
        c2y = a2.fma(by, c2y);
        FloatVector a3 = FloatVector.broadcast(SPECIES, a[from + 3 * PANEL + step]);
        c3x = a3.fma(bx, c3x);
        c3y = a3.fma(by, c3y);
        FloatVector a4 = FloatVector.broadcast(SPECIES, a[from + 4 * PANEL + step]);
        c4x = a4.fma(bx, c4x);
        c4y = a4.fma(by, c4y);
        FloatVector a5 = FloatVector.broadcast(SPECIES, a[from + 5 * PANEL + step]);
        c5x = a5.fma(bx, c5x);
        c5y = a5.fma(by, c5y);
        FloatVector a6 = FloatVector.broadcast(SPECIES, a[from + 6 * PANEL + step]);
        c6x = a6.fma(bx, c6x);
        c6y = a6.fma(by, c6y);
        FloatVector a7 = FloatVector.broadcast(SPECIES, a[from + 7 * PANEL + step]);
        c7x = a7.fma(bx, c7x);
        c7y = a7.fma(by, c7y);
        FloatVector a8 = FloatVector.broadcast(SPECIES, a[from + 8 * PANEL + step]);
        c8x = a8.fma(bx, c8x);
        c8y = a8.fma(by, c8y);
        FloatVector a9 = FloatVector.broadcast(SPECIES, a[from + 9 * PANEL + step]);
        c9x = a9.fma(bx, c9x);
        c9y = a9.fma(by, c9y);
        FloatVector a10 = FloatVector.broadcast(SPECIES, a[from + 10 * PANEL + step]);
        c10x = a10.fma(bx, c10x);
        c10y = a10.fma(by, c10y);
        FloatVector a11 = FloatVector.broadcast(SPECIES, a[from + 11 * PANEL + step]);
        c11x = a11.fma(bx, c11x);
        c11y = a11.fma(by, c11y);
      }
    }
    c0x.intoArray(c, cOffset);
    c0y.intoArray(c, cOffset + COUNT);
    c1x.intoArray(c, cOffset + PANEL);
    c1y.intoArray(c, cOffset + PANEL + COUNT);
    c2x.intoArray(c, cOffset + 2 * PANEL);
    c2y.intoArray(c, cOffset + 2 * PANEL + COUNT);
    c3x.intoArray(c, cOffset + 3 * PANEL);
    c3y.intoArray(c, cOffset + 3 * PANEL + COUNT);
    c4x.intoArray(c, cOffset + 4 * PANEL);
    c4y.intoArray(c, cOffset + 4 * PANEL + COUNT);
    c5x.intoArray(c, cOffset + 5 * PANEL);
    c5y.intoArray(c, cOffset + 5 * PANEL + COUNT);
    c6x.intoArray(c, cOffset + 6 * PANEL);
    c6y.intoArray(c, cOffset + 6 * PANEL + COUNT);
    c7x.intoArray(c, cOffset + 7 * PANEL);
    c7y.intoArray(c, cOffset + 7 * PANEL + COUNT);
    c8x.intoArray(c, cOffset + 8 * PANEL);
    c8y.intoArray(c, cOffset + 8 * PANEL + COUNT);
    c9x.intoArray(c, cOffset + 9 * PANEL);
    c9y.intoArray(c, cOffset + 9 * PANEL + COUNT);
    c10x.intoArray(c, cOffset + 10 * PANEL);
    c10y.intoArray(c, cOffset + 10 * PANEL + COUNT);
    c11x.intoArray(c, cOffset + 11 * PANEL);
    c11y.intoArray(c, cOffset + 11 * PANEL + COUNT);
  }

  /** For 16 vector registers. */
  private static void multiply6(
      float[] a, int aOffset, float[] b, int bOffset, int steps, float[] c, int cOffset) {
    FloatVector c0x = FloatVector.zero(SPECIES);
    FloatVector c0y = FloatVector.zero(SPECIES);
    FloatVector c1x = FloatVector.zero(SPECIES);
    FloatVector c1y = FloatVector.zero(SPECIES);
    FloatVector c2x = FloatVector.zero(SPECIES);
    FloatVector c2y = FloatVector.zero(SPECIES);
    FloatVector c3x = FloatVector.zero(SPECIES);
    FloatVector c3y = FloatVector.zero(SPECIES);
    FloatVector c4x = FloatVector.zero(SPECIES);
    FloatVector c4y = FloatVector.zero(SPECIES);
    FloatVector c5x = FloatVector.zero(SPECIES);
    FloatVector c5y = FloatVector.zero(SPECIES);
    for (int block = 0; block < steps; block += PANEL) {
      int from = aOffset + block * TILE;
      int panel = bOffset + block * PANEL;
      int end = Math.min(PANEL, steps - block);
      for (int step = 0; step < end; step++) {
        FloatVector bx = FloatVector.fromArray(SPECIES, b, panel + step * PANEL);
        FloatVector by = FloatVector.fromArray(SPECIES, b, panel + step * PANEL + COUNT);
        FloatVector a0 = FloatVector.broadcast(SPECIES, a[from + step]);
        c0x = a0.fma(bx, c0x);
        c0y = a0.fma(by, c0y);
        FloatVector a1 = FloatVector.broadcast(SPECIES, a[from + PANEL + step]);
        c1x = a1.fma(bx, c1x);
        c1y = a1.fma(by, c1y);
        FloatVector a2 = FloatVector.broadcast(SPECIES, a[from + 2 * PANEL + step]);
        c2x = a2.fma(bx, c2x);
        c2y = a2.fma(by, c2y);
        FloatVector a3 = FloatVector.broadcast(SPECIES, a[from + 3 * PANEL + step]);
        c3x = a3.fma(bx, c3x);
        c3y = a3.fma(by, c3y);
        FloatVector a4 = FloatVector.broadcast(SPECIES, a[from + 4 * PANEL + step]);
        c4x = a4.fma(bx, c4x);
        c4y = a4.fma(by, c4y);
        FloatVector a5 = FloatVector.broadcast(SPECIES, a[from + 5 * PANEL + step]);
        c5x = a5.fma(bx, c5x);
        c5y = a5.fma(by, c5y);
      }
    }
    c0x.intoArray(c, cOffset);
    c0y.intoArray(c, cOffset + COUNT);
    c1x.intoArray(c, cOffset + PANEL);
    c1y.intoArray(c, cOffset + PANEL + COUNT);
    c2x.intoArray(c, cOffset + 2 * PANEL);
    c2y.intoArray(c, cOffset + 2 * PANEL + COUNT);
    c3x.intoArray(c, cOffset + 3 * PANEL);
    c3y.intoArray(c, cOffset + 3 * PANEL + COUNT);
    c4x.intoArray(c, cOffset + 4 * PANEL);
    c4y.intoArray(c, cOffset + 4 * PANEL + COUNT);
    c5x.intoArray(c, cOffset + 5 * PANEL);
    c5y.intoArray(c, cOffset + 5 * PANEL + COUNT);
  }
}
