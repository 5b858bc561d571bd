package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.MicroKernel.AHEAD;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import jdk.incubator.vector.FloatVector;

/**
 * A tile of twelve rows, for 32 vector registers: 24 hold sums, two a step of the panel, one an
 * element of a row.
 *
 * <p>There is one loop: around a second one the compiler moves all accumulators through memory. The
 * stores do nothing else: where they also added to what was there, the compiler gave up on some of
 * them in two of three JVMs.
 *
 * <p>Each step also reads one element of b that a later call needs. A line is fetched while eight
 * steps are computed, which costs a third of what it costs to wait for it later ({@code
 * bench/JOURNAL.md}).
 */
final class TwelveRows {

  private TwelveRows() {}

  /** {@link MicroKernel#multiply}. */
  static float multiply(
      float[] a,
      int aOffset,
      float[] b,
      int bOffset,
      int steps,
      float[] c,
      int cOffset,
      int ahead) {
    if (steps == 0) {
      return 0;
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
    float read = 0;
    for (int step = 0; step < steps; step++) {
      read += b[ahead + step * AHEAD];
      FloatVector bx = FloatVector.fromArray(SPECIES, b, bOffset + step * PANEL);
      FloatVector by = FloatVector.fromArray(SPECIES, b, bOffset + step * PANEL + COUNT);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[aOffset + step]);
      c0x = a0.fma(bx, c0x);
      c0y = a0.fma(by, c0y);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[aOffset + CHAIN + step]);
      c1x = a1.fma(bx, c1x);
      c1y = a1.fma(by, c1y);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[aOffset + 2 * CHAIN + step]);
      c2x = a2.fma(bx, c2x);
      c2y = a2.fma(by, c2y);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[aOffset + 3 * CHAIN + step]);
      c3x = a3.fma(bx, c3x);
      c3y = a3.fma(by, c3y);
      FloatVector a4 = FloatVector.broadcast(SPECIES, a[aOffset + 4 * CHAIN + step]);
      c4x = a4.fma(bx, c4x);
      c4y = a4.fma(by, c4y);
      FloatVector a5 = FloatVector.broadcast(SPECIES, a[aOffset + 5 * CHAIN + step]);
      c5x = a5.fma(bx, c5x);
      c5y = a5.fma(by, c5y);
      FloatVector a6 = FloatVector.broadcast(SPECIES, a[aOffset + 6 * CHAIN + step]);
      c6x = a6.fma(bx, c6x);
      c6y = a6.fma(by, c6y);
      FloatVector a7 = FloatVector.broadcast(SPECIES, a[aOffset + 7 * CHAIN + step]);
      c7x = a7.fma(bx, c7x);
      c7y = a7.fma(by, c7y);
      FloatVector a8 = FloatVector.broadcast(SPECIES, a[aOffset + 8 * CHAIN + step]);
      c8x = a8.fma(bx, c8x);
      c8y = a8.fma(by, c8y);
      FloatVector a9 = FloatVector.broadcast(SPECIES, a[aOffset + 9 * CHAIN + step]);
      c9x = a9.fma(bx, c9x);
      c9y = a9.fma(by, c9y);
      FloatVector a10 = FloatVector.broadcast(SPECIES, a[aOffset + 10 * CHAIN + step]);
      c10x = a10.fma(bx, c10x);
      c10y = a10.fma(by, c10y);
      FloatVector a11 = FloatVector.broadcast(SPECIES, a[aOffset + 11 * CHAIN + step]);
      c11x = a11.fma(bx, c11x);
      c11y = a11.fma(by, c11y);
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
    c6x.intoArray(c, cOffset + 6 * CHAIN);
    c6y.intoArray(c, cOffset + 6 * CHAIN + COUNT);
    c7x.intoArray(c, cOffset + 7 * CHAIN);
    c7y.intoArray(c, cOffset + 7 * CHAIN + COUNT);
    c8x.intoArray(c, cOffset + 8 * CHAIN);
    c8y.intoArray(c, cOffset + 8 * CHAIN + COUNT);
    c9x.intoArray(c, cOffset + 9 * CHAIN);
    c9y.intoArray(c, cOffset + 9 * CHAIN + COUNT);
    c10x.intoArray(c, cOffset + 10 * CHAIN);
    c10y.intoArray(c, cOffset + 10 * CHAIN + COUNT);
    c11x.intoArray(c, cOffset + 11 * CHAIN);
    c11y.intoArray(c, cOffset + 11 * CHAIN + COUNT);
    return read;
  }
}
