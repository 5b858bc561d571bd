package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * Finds out that a warp goes round a loop without end: one that comes back to where it was with the
 * same registers and the same memory will do so for ever, unless another warp changes memory.
 */
final class Standstill {

  private static final long NEVER = -1;

  private final Warp warp;
  private long since;
  private int counter;
  private int active;
  private long[] registers;
  private int[] predicates;
  private long seenAt;

  Standstill(Warp warp) {
    this.warp = warp;
  }

  void clear() {
    since = NEVER;
    registers = null;
  }

  /** The warp is going to try. */
  void leave() {
    since = NEVER;
  }

  /** True if the warp stands still, and nothing has changed since it was found out. */
  boolean holds() {
    return since == warp.block.changes();
  }

  /** Remembers where the warp is after a turn in which nothing has changed. */
  void remember(int at, int lanes) {
    counter = at;
    active = lanes;
    seenAt = warp.block.changes();
    registers = warp.registers.clone();
    predicates = warp.predicates.clone();
  }

  /**
   * True if the warp is where it was before.
   *
   * @param hasOtherPaths true if other lanes could go on
   */
  boolean isFound(int at, int lanes, boolean hasOtherPaths) {
    if (registers == null) {
      return false;
    }
    if (seenAt != warp.block.changes() || hasOtherPaths) {
      registers = null;
      return false;
    }
    boolean same =
        counter == at
            && active == lanes
            && Arrays.equals(registers, warp.registers)
            && Arrays.equals(predicates, warp.predicates);
    if (same) {
      since = seenAt;
    }
    return same;
  }
}
