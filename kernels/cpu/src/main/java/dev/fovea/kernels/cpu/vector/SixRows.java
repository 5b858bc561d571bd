package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import java.lang.invoke.VarHandle;
import jdk.incubator.vector.FloatVector;

/**
 * A tile of six rows, for the 16 vector registers of x86 without AVX-512: twelve hold sums, two a
 * step of the panel, one an element of a row.
 *
 * <p>That leaves one, so everything must be read right before it is used. The compiler reads all of
 * a step first, has no registers for two of the sums then, and the kernel is half as fast. But it
 * moves no read across a fence, which on x86 is no instruction: there is one after every row.
 *
 * <p>Four steps make a round of the loop. What else a step costs, seven instructions of addresses
 * beside twelve multiply-adds and eight reads, does not show while the core is ours alone, and a
 * fifth of the time where another thread has the other half of its decoder. Reading weights ahead
 * as {@link TwelveRows} does costs as much as it saves ({@code bench/JOURNAL.md}).
 */
final class SixRows {

  private SixRows() {}

  /** {@link MicroKernel#multiply} in whole rounds, without reading ahead. */
  static void multiply(
      float[] a, int aOffset, float[] b, int bOffset, int steps, float[] c, int cOffset) {
    if (steps == 0) {
      return;
    }
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
    FloatVector bx;
    FloatVector by;
    FloatVector element;
    for (int step = 0; step < steps; step += MicroKernel.ROUND) {
      int aStep = aOffset + step;
      int bStep = bOffset + step * PANEL;
      bx = FloatVector.fromArray(SPECIES, b, bStep);
      by = FloatVector.fromArray(SPECIES, b, bStep + COUNT);
      element = FloatVector.broadcast(SPECIES, a[aStep]);
      c0x = element.fma(bx, c0x);
      c0y = element.fma(by, c0y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + CHAIN]);
      c1x = element.fma(bx, c1x);
      c1y = element.fma(by, c1y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 2 * CHAIN]);
      c2x = element.fma(bx, c2x);
      c2y = element.fma(by, c2y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 3 * CHAIN]);
      c3x = element.fma(bx, c3x);
      c3y = element.fma(by, c3y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 4 * CHAIN]);
      c4x = element.fma(bx, c4x);
      c4y = element.fma(by, c4y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 5 * CHAIN]);
      c5x = element.fma(bx, c5x);
      c5y = element.fma(by, c5y);
      VarHandle.loadLoadFence();
      bx = FloatVector.fromArray(SPECIES, b, bStep + PANEL);
      by = FloatVector.fromArray(SPECIES, b, bStep + PANEL + COUNT);
      element = FloatVector.broadcast(SPECIES, a[aStep + 1]);
      c0x = element.fma(bx, c0x);
      c0y = element.fma(by, c0y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + CHAIN + 1]);
      c1x = element.fma(bx, c1x);
      c1y = element.fma(by, c1y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 2 * CHAIN + 1]);
      c2x = element.fma(bx, c2x);
      c2y = element.fma(by, c2y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 3 * CHAIN + 1]);
      c3x = element.fma(bx, c3x);
      c3y = element.fma(by, c3y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 4 * CHAIN + 1]);
      c4x = element.fma(bx, c4x);
      c4y = element.fma(by, c4y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 5 * CHAIN + 1]);
      c5x = element.fma(bx, c5x);
      c5y = element.fma(by, c5y);
      VarHandle.loadLoadFence();
      bx = FloatVector.fromArray(SPECIES, b, bStep + 2 * PANEL);
      by = FloatVector.fromArray(SPECIES, b, bStep + 2 * PANEL + COUNT);
      element = FloatVector.broadcast(SPECIES, a[aStep + 2]);
      c0x = element.fma(bx, c0x);
      c0y = element.fma(by, c0y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + CHAIN + 2]);
      c1x = element.fma(bx, c1x);
      c1y = element.fma(by, c1y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 2 * CHAIN + 2]);
      c2x = element.fma(bx, c2x);
      c2y = element.fma(by, c2y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 3 * CHAIN + 2]);
      c3x = element.fma(bx, c3x);
      c3y = element.fma(by, c3y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 4 * CHAIN + 2]);
      c4x = element.fma(bx, c4x);
      c4y = element.fma(by, c4y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 5 * CHAIN + 2]);
      c5x = element.fma(bx, c5x);
      c5y = element.fma(by, c5y);
      VarHandle.loadLoadFence();
      bx = FloatVector.fromArray(SPECIES, b, bStep + 3 * PANEL);
      by = FloatVector.fromArray(SPECIES, b, bStep + 3 * PANEL + COUNT);
      element = FloatVector.broadcast(SPECIES, a[aStep + 3]);
      c0x = element.fma(bx, c0x);
      c0y = element.fma(by, c0y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + CHAIN + 3]);
      c1x = element.fma(bx, c1x);
      c1y = element.fma(by, c1y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 2 * CHAIN + 3]);
      c2x = element.fma(bx, c2x);
      c2y = element.fma(by, c2y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 3 * CHAIN + 3]);
      c3x = element.fma(bx, c3x);
      c3y = element.fma(by, c3y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 4 * CHAIN + 3]);
      c4x = element.fma(bx, c4x);
      c4y = element.fma(by, c4y);
      VarHandle.loadLoadFence();
      element = FloatVector.broadcast(SPECIES, a[aStep + 5 * CHAIN + 3]);
      c5x = element.fma(bx, c5x);
      c5y = element.fma(by, c5y);
      VarHandle.loadLoadFence();
    }
    c0x.intoArray(c, cOffset);
    c0y.intoArray(c, cOffset + COUNT);
    c1x.intoArray(c, cOffset + CHAIN);
    c1y.intoArray(c, cOffset + CHAIN + COUNT);
    c2x.intoArray(c, cOffset + 2 * CHAIN);
    c2y.intoArray(c, cOffset + 2 * CHAIN + COUNT);
    c3x.intoArray(c, cOffset + 3 * CHAIN);
    c3y.intoArray(c, cOffset + 3 * CHAIN + COUNT);
    c4x.intoArray(c, cOffset + 4 * CHAIN);
    c4y.intoArray(c, cOffset + 4 * CHAIN + COUNT);
    c5x.intoArray(c, cOffset + 5 * CHAIN);
    c5y.intoArray(c, cOffset + 5 * CHAIN + COUNT);
  }

  /**
   * Goes on with the chains of a tile, as if the steps had been in the call before. Element by
   * element, since no published model has a product that needs it: {@link KeyValuePacking} fills up
   * the last round of keys, and all other inner dimensions are whole rounds.
   *
   * @param fresh whether there was no call before, and c has no chains yet
   */
  static void extend(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int steps,
      float[] c,
      int cOffset,
      boolean fresh) {
    for (int row = 0; row < TILE * CHAIN; row += CHAIN) {
      for (int column = 0; column < PANEL; column++) {
        float sum = fresh ? 0 : c[cOffset + row + column];
        for (int step = 0; step < steps; step++) {
          sum = Math.fma(a[aOffset + row + step], b[bOffset + step * PANEL + column], sum);
        }
        c[cOffset + row + column] = sum;
      }
    }
  }
}
