package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.TILE;

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
 * <p>Measured on one core of an AMD EPYC (Zen 5) with Temurin 25.0.3 at 512 bits, whole verbs with
 * packing and epilogue, 261 rows: 186 to 207 GF/s at the sizes of ViT-S, 213 to 223 at those of
 * ViT-B, beside a peak of 256 ({@code ./bench/run jmh 'PeakBenchmark|VerbBenchmark' -p
 * width=384,768 -p tokens=261 -p threads=1}). Chains of 192 instead of one chain cost 2 to 3 % of a
 * forward pass of ViT-S and halve its error.
 */
final class MicroKernel {

  /**
   * Longest chain of fused multiply-adds; longer products are sums of chains. The rounding error of
   * a chain grows with the square root of its length: in one chain, the attention of a ViT-S at 518
   * px was 3.8e-6 from float64, in chains of 192 it is 1.1e-6.
   */
  private static final int CHAIN = 192;

  /** Floats of memory that a product needs for itself. */
  static final int SCRATCH = TILE * PANEL;

  private MicroKernel() {}

  /**
   * {@code C = A B} for one tile.
   *
   * @param a row r, step s is at {@code a[aOffset + s * aStride + r]}
   * @param b step s, column j is at {@code b[bOffset + s * bStride + j]}
   * @param k steps: the inner dimension
   * @param c row r, column j goes to {@code c[cOffset + r * cStride + j]}
   * @param chain memory for the tile of one chain, {@link #SCRATCH} floats at {@code chainOffset}
   */
  static void multiply(
      float[] a,
      int aOffset,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int k,
      float[] c,
      int cOffset,
      int cStride,
      float[] chain,
      int chainOffset) {
    multiply(a, aOffset, aStride, b, bOffset, bStride, Math.min(k, CHAIN), c, cOffset, cStride);
    for (int step = CHAIN; step < k; step += CHAIN) {
      int aStep = aOffset + step * aStride;
      int bStep = bOffset + step * bStride;
      int steps = Math.min(CHAIN, k - step);
      multiply(a, aStep, aStride, b, bStep, bStride, steps, chain, chainOffset, PANEL);
      add(chain, chainOffset, c, cOffset, cStride);
    }
  }

  private static void multiply(
      float[] a,
      int aOffset,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int k,
      float[] c,
      int cOffset,
      int cStride) {
    if (TILE == 12) {
      multiply12(a, aOffset, aStride, b, bOffset, bStride, k, c, cOffset, cStride);
    } else {
      multiply6(a, aOffset, aStride, b, bOffset, bStride, k, c, cOffset, cStride);
    }
  }

  private static void add(float[] chain, int chainOffset, float[] c, int cOffset, int cStride) {
    for (int row = 0; row < TILE; row++) {
      int from = chainOffset + row * PANEL;
      int to = cOffset + row * cStride;
      FloatVector x = FloatVector.fromArray(SPECIES, c, to);
      FloatVector y = FloatVector.fromArray(SPECIES, c, to + COUNT);
      x.add(FloatVector.fromArray(SPECIES, chain, from)).intoArray(c, to);
      y.add(FloatVector.fromArray(SPECIES, chain, from + COUNT)).intoArray(c, to + COUNT);
    }
  }

  /** For 32 vector registers. */
  private static void multiply12(
      float[] a,
      int aOffset,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int k,
      float[] c,
      int cOffset,
      int cStride) {
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
    for (int step = 0; step < k; step++) {
      int from = aOffset + step * aStride;
      FloatVector bx = FloatVector.fromArray(SPECIES, b, bOffset + step * bStride);
      FloatVector by = FloatVector.fromArray(SPECIES, b, bOffset + step * bStride + COUNT);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[from]);
      c0x = a0.fma(bx, c0x);
      c0y = a0.fma(by, c0y);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[from + 1]);
      c1x = a1.fma(bx, c1x);
      c1y = a1.fma(by, c1y);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[from + 2]);
      c2x = a2.fma(bx, c2x);
      c2y = a2.fma(by, c2y);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[from + 3]);
      c3x = a3.fma(bx, c3x);
      c3y = a3.fma(by, c3y);
      FloatVector a4 = FloatVector.broadcast(SPECIES, a[from + 4]);
      c4x = a4.fma(bx, c4x);
      c4y = a4.fma(by, c4y);
      FloatVector a5 = FloatVector.broadcast(SPECIES, a[from + 5]);
      c5x = a5.fma(bx, c5x);
      c5y = a5.fma(by, c5y);
      FloatVector a6 = FloatVector.broadcast(SPECIES, a[from + 6]);
      c6x = a6.fma(bx, c6x);
      c6y = a6.fma(by, c6y);
      FloatVector a7 = FloatVector.broadcast(SPECIES, a[from + 7]);
      c7x = a7.fma(bx, c7x);
      c7y = a7.fma(by, c7y);
      FloatVector a8 = FloatVector.broadcast(SPECIES, a[from + 8]);
      c8x = a8.fma(bx, c8x);
      c8y = a8.fma(by, c8y);
      FloatVector a9 = FloatVector.broadcast(SPECIES, a[from + 9]);
      c9x = a9.fma(bx, c9x);
      c9y = a9.fma(by, c9y);
      FloatVector a10 = FloatVector.broadcast(SPECIES, a[from + 10]);
      c10x = a10.fma(bx, c10x);
      c10y = a10.fma(by, c10y);
      FloatVector a11 = FloatVector.broadcast(SPECIES, a[from + 11]);
      c11x = a11.fma(bx, c11x);
      c11y = a11.fma(by, c11y);
    }
    c0x.intoArray(c, cOffset);
    c0y.intoArray(c, cOffset + COUNT);
    c1x.intoArray(c, cOffset + cStride);
    c1y.intoArray(c, cOffset + cStride + COUNT);
    c2x.intoArray(c, cOffset + 2 * cStride);
    c2y.intoArray(c, cOffset + 2 * cStride + COUNT);
    c3x.intoArray(c, cOffset + 3 * cStride);
    c3y.intoArray(c, cOffset + 3 * cStride + COUNT);
    c4x.intoArray(c, cOffset + 4 * cStride);
    c4y.intoArray(c, cOffset + 4 * cStride + COUNT);
    c5x.intoArray(c, cOffset + 5 * cStride);
    c5y.intoArray(c, cOffset + 5 * cStride + COUNT);
    c6x.intoArray(c, cOffset + 6 * cStride);
    c6y.intoArray(c, cOffset + 6 * cStride + COUNT);
    c7x.intoArray(c, cOffset + 7 * cStride);
    c7y.intoArray(c, cOffset + 7 * cStride + COUNT);
    c8x.intoArray(c, cOffset + 8 * cStride);
    c8y.intoArray(c, cOffset + 8 * cStride + COUNT);
    c9x.intoArray(c, cOffset + 9 * cStride);
    c9y.intoArray(c, cOffset + 9 * cStride + COUNT);
    c10x.intoArray(c, cOffset + 10 * cStride);
    c10y.intoArray(c, cOffset + 10 * cStride + COUNT);
    c11x.intoArray(c, cOffset + 11 * cStride);
    c11y.intoArray(c, cOffset + 11 * cStride + COUNT);
  }

  /** For 16 vector registers. */
  private static void multiply6(
      float[] a,
      int aOffset,
      int aStride,
      float[] b,
      int bOffset,
      int bStride,
      int k,
      float[] c,
      int cOffset,
      int cStride) {
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
    for (int step = 0; step < k; step++) {
      int from = aOffset + step * aStride;
      FloatVector bx = FloatVector.fromArray(SPECIES, b, bOffset + step * bStride);
      FloatVector by = FloatVector.fromArray(SPECIES, b, bOffset + step * bStride + COUNT);
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[from]);
      c0x = a0.fma(bx, c0x);
      c0y = a0.fma(by, c0y);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[from + 1]);
      c1x = a1.fma(bx, c1x);
      c1y = a1.fma(by, c1y);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[from + 2]);
      c2x = a2.fma(bx, c2x);
      c2y = a2.fma(by, c2y);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[from + 3]);
      c3x = a3.fma(bx, c3x);
      c3y = a3.fma(by, c3y);
      FloatVector a4 = FloatVector.broadcast(SPECIES, a[from + 4]);
      c4x = a4.fma(bx, c4x);
      c4y = a4.fma(by, c4y);
      FloatVector a5 = FloatVector.broadcast(SPECIES, a[from + 5]);
      c5x = a5.fma(bx, c5x);
      c5y = a5.fma(by, c5y);
    }
    c0x.intoArray(c, cOffset);
    c0y.intoArray(c, cOffset + COUNT);
    c1x.intoArray(c, cOffset + cStride);
    c1y.intoArray(c, cOffset + cStride + COUNT);
    c2x.intoArray(c, cOffset + 2 * cStride);
    c2y.intoArray(c, cOffset + 2 * cStride + COUNT);
    c3x.intoArray(c, cOffset + 3 * cStride);
    c3y.intoArray(c, cOffset + 3 * cStride + COUNT);
    c4x.intoArray(c, cOffset + 4 * cStride);
    c4y.intoArray(c, cOffset + 4 * cStride + COUNT);
    c5x.intoArray(c, cOffset + 5 * cStride);
    c5y.intoArray(c, cOffset + 5 * cStride + COUNT);
  }
}
