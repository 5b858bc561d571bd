package dev.fovea.kernels.cuda.interpreter;

/**
 * Numbers for all that acts in a cluster and can be waited for: its warps, its groups of four warps
 * (as readers of what they multiply), the grids before it, its bulk stores, its memory barriers (as
 * writers of what copies bring). {@link Synchronization} keeps for each of them what has happened
 * before.
 */
final class Agents {

  /** More than a cluster ever needs; a stamp has bits for no more. */
  static final int MOST = 256;

  /** A unit of shared memory has a bit for each reader. */
  static final int MOST_READERS = Long.SIZE;

  private final int warps;
  private final int readers;
  private final int fixed;
  private int stores;
  private int barriers;

  /**
   * Numbers a cluster.
   *
   * @param asynchronous true if the kernel has instructions that go on by themselves
   */
  Agents(int warps, boolean asynchronous) {
    this.warps = warps;
    fixed = warps + 1 + Math.ceilDiv(warps, WarpGroup.WARPS);
    readers = asynchronous ? Math.min(MOST_READERS, fixed + warps) : warps;
  }

  /** Forgets the last cluster. */
  void clear() {
    stores = 0;
    barriers = 0;
  }

  /** Numbers from 0 to here may be in use. */
  int count() {
    return barriers > 0 ? MOST_READERS + barriers : fixed + stores;
  }

  /** Numbers below this one may be readers of shared memory. */
  int readers() {
    return readers;
  }

  /** What grids before this one do; its only epoch ends with {@code griddepcontrol.wait}. */
  int earlierGrids() {
    return warps;
  }

  /** Products of a group of four warps; an epoch for each group of products that it commits. */
  int products(int warp) {
    return warps + 1 + warp / WarpGroup.WARPS;
  }

  /** The bulk stores of one more warp; -1 if there are too many. */
  int newStores() {
    return fixed + stores < readers ? fixed + stores++ : -1;
  }

  /** What copies bring whose bytes one more barrier counts; -1 if there are too many. */
  int newBarrier() {
    return MOST_READERS + barriers < MOST ? MOST_READERS + barriers++ : -1;
  }

  boolean isWarp(int agent) {
    return agent < warps;
  }
}
