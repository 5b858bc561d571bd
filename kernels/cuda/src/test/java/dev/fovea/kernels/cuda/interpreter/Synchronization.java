package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * What a warp knows of the others: up to which epoch of each of them its accesses happen after
 * theirs. An epoch of a warp ends where it synchronises, so that what it does afterwards is not
 * covered by what others have learnt before.
 */
final class Synchronization {

  private final int warp;

  /**
   * By warp, the last epoch that has happened before. A warp's own: the last one that has ended.
   */
  private final int[] seen;

  Synchronization(int warp, int warps) {
    this.warp = warp;
    seen = new int[warps];
    clear();
  }

  void clear() {
    Arrays.fill(seen, 0);
  }

  /** The warp's own epoch, from 1. */
  int epoch() {
    return seen[warp] + 1;
  }

  /** True if what that warp did in that epoch has happened before. */
  boolean after(int otherWarp, int epoch) {
    return epoch <= seen[otherWarp];
  }

  void endEpoch() {
    seen[warp]++;
  }

  /**
   * What this warp did until now, and what it knows, has happened before what the other does from
   * now on.
   */
  void tell(Synchronization other) {
    for (int i = 0; i < seen.length; i++) {
      other.seen[i] = Math.max(other.seen[i], seen[i]);
    }
  }

  /** What another warp did until the end of an epoch has happened before. */
  void learn(int otherWarp, int epoch) {
    seen[otherWarp] = Math.max(seen[otherWarp], epoch);
  }
}
