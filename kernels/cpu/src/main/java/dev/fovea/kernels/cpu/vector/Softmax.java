package dev.fovea.kernels.cpu.vector;

import static dev.fovea.kernels.cpu.vector.Lanes.COUNT;
import static dev.fovea.kernels.cpu.vector.Lanes.PANEL;
import static dev.fovea.kernels.cpu.vector.Lanes.SPECIES;
import static dev.fovea.kernels.cpu.vector.Lanes.SWAP_1;
import static dev.fovea.kernels.cpu.vector.Lanes.SWAP_2;
import static dev.fovea.kernels.cpu.vector.Lanes.SWAP_4;
import static dev.fovea.kernels.cpu.vector.Lanes.SWAP_8;
import static dev.fovea.kernels.cpu.vector.RowTiles.CHAIN;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The parts of a softmax over keys that come block after block: powers of two of scores, with what
 * every query needs to know of the blocks so far.
 *
 * <p>Lanes are joined by a tree of exchanges, so that all of them end with the same bits; the
 * compiler's own reduction may add in another order than the interpreter's. Maxima are written as
 * comparisons, which cost a third; a NaN may not show in them, but it does in the sum.
 */
final class Softmax {

  /** Smaller powers of two are taken for this one. */
  private static final float LEAST_POWER = -126;

  // 2^r for |r| <= 1/2: a minimax fit of our own (Lawson's algorithm), relative error 2e-9.
  private static final float P1 = 0.6931472f;
  private static final float P2 = 0.24022648f;
  private static final float P3 = 0.055503324f;
  private static final float P4 = 0.009618437f;
  private static final float P5 = 0.0013398875f;
  private static final float P6 = 1.5353363e-4f;

  private Softmax() {}

  /**
   * Raises every query's largest score to that of a block.
   *
   * @param scores where the tile of the block is
   * @param queries rows of the tile
   * @param largest where the largest of query r so far is: at {@code largest + r}
   */
  static void raise(float[] memory, int scores, int queries, int panels, int largest) {
    int end = panels * PANEL;
    for (int query = 0; query < queries; query++) {
      FloatVector most = FloatVector.broadcast(SPECIES, memory[largest + query]);
      FloatVector other = most;
      int from = scores + query * CHAIN;
      for (int i = 0; i < end; i += PANEL) {
        FloatVector x = FloatVector.fromArray(SPECIES, memory, from + i);
        FloatVector y = FloatVector.fromArray(SPECIES, memory, from + i + COUNT);
        most = x.blend(most, x.compare(VectorOperators.LE, most));
        other = y.blend(other, y.compare(VectorOperators.LE, other));
      }
      most = most.blend(other, other.compare(VectorOperators.GT, most));
      if (COUNT > 8) {
        other = most.rearrange(SWAP_8);
        most = most.blend(other, other.compare(VectorOperators.GT, most));
      }
      if (COUNT > 4) {
        other = most.rearrange(SWAP_4);
        most = most.blend(other, other.compare(VectorOperators.GT, most));
      }
      other = most.rearrange(SWAP_2);
      most = most.blend(other, other.compare(VectorOperators.GT, most));
      other = most.rearrange(SWAP_1);
      most = most.blend(other, other.compare(VectorOperators.GT, most));
      memory[largest + query] = most.lane(0);
    }
  }

  /**
   * Replaces scores by {@code 2^(score - largest)} and adds them to every query's sum. Two vectors
   * go side by side, because the steps of one wait for each other.
   *
   * @param scores where the tile of the block is
   * @param queries rows of the tile
   * @param largest where the largest score of query r is: at {@code largest + r}
   * @param sums where the sum of query r is: at {@code sums + r}
   */
  static void powers(float[] memory, int scores, int queries, int panels, int largest, int sums) {
    int end = panels * PANEL;
    for (int query = 0; query < queries; query++) {
      FloatVector most = FloatVector.broadcast(SPECIES, memory[largest + query]);
      FloatVector sum = FloatVector.zero(SPECIES);
      FloatVector other = sum;
      int from = scores + query * CHAIN;
      for (int i = 0; i < end; i += PANEL) {
        FloatVector x = FloatVector.fromArray(SPECIES, memory, from + i).sub(most);
        FloatVector y = FloatVector.fromArray(SPECIES, memory, from + i + COUNT).sub(most);
        x = x.blend(LEAST_POWER, x.compare(VectorOperators.LT, LEAST_POWER));
        y = y.blend(LEAST_POWER, y.compare(VectorOperators.LT, LEAST_POWER));
        FloatVector xShifted = x.add(VectorMath.ROUNDER);
        FloatVector yShifted = y.add(VectorMath.ROUNDER);
        x = x.sub(xShifted.sub(VectorMath.ROUNDER));
        y = y.sub(yShifted.sub(VectorMath.ROUNDER));
        FloatVector p =
            x.fma(FloatVector.broadcast(SPECIES, P6), FloatVector.broadcast(SPECIES, P5));
        FloatVector q =
            y.fma(FloatVector.broadcast(SPECIES, P6), FloatVector.broadcast(SPECIES, P5));
        p = p.fma(x, FloatVector.broadcast(SPECIES, P4));
        q = q.fma(y, FloatVector.broadcast(SPECIES, P4));
        p = p.fma(x, FloatVector.broadcast(SPECIES, P3));
        q = q.fma(y, FloatVector.broadcast(SPECIES, P3));
        p = p.fma(x, FloatVector.broadcast(SPECIES, P2));
        q = q.fma(y, FloatVector.broadcast(SPECIES, P2));
        p = p.fma(x, FloatVector.broadcast(SPECIES, P1));
        q = q.fma(y, FloatVector.broadcast(SPECIES, P1));
        p = p.fma(x, FloatVector.broadcast(SPECIES, 1));
        q = q.fma(y, FloatVector.broadcast(SPECIES, 1));
        p =
            p.mul(
                xShifted
                    .reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, VectorMath.EXPONENT_SHIFT)
                    .reinterpretAsFloats());
        q =
            q.mul(
                yShifted
                    .reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, VectorMath.EXPONENT_SHIFT)
                    .reinterpretAsFloats());
        sum = p.add(sum);
        other = q.add(other);
        p.intoArray(memory, from + i);
        q.intoArray(memory, from + i + COUNT);
      }
      sum = sum.add(other);
      if (COUNT > 8) {
        sum = sum.add(sum.rearrange(SWAP_8));
      }
      if (COUNT > 4) {
        sum = sum.add(sum.rearrange(SWAP_4));
      }
      sum = sum.add(sum.rearrange(SWAP_2));
      sum = sum.add(sum.rearrange(SWAP_1));
      memory[sums + query] += sum.lane(0);
    }
  }
}
