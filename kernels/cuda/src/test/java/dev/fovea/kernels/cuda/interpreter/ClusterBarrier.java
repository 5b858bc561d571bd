package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * The barrier of a cluster. Threads arrive and wait in two steps; those that have exited are not
 * waited for.
 */
final class ClusterBarrier {

  private static final int NONE = -1;

  private final Cluster cluster;
  private final Synchronization arriving;
  private final Synchronization released;
  private long arrived;
  private int phase;

  /** By warp: the phase that it has arrived in and not waited for, or NONE. */
  private final int[] waitsFor = new int[Long.SIZE];

  ClusterBarrier(Cluster cluster) {
    this.cluster = cluster;
    arriving = new Synchronization(cluster.agents());
    released = new Synchronization(cluster.agents());
  }

  /** Forgets the last cluster. */
  void clear() {
    arriving.clear();
    released.clear();
    arrived = 0;
    phase = 0;
    Arrays.fill(waitsFor, NONE);
  }

  /**
   * A warp arrives.
   *
   * @param releases true if what the warp did happens before what others do after their wait
   */
  void arrive(Warp warp, boolean releases) {
    if (waitsFor[warp.number] != NONE) {
      throw warp.fault(0, "arrives again at the barrier of the cluster without having waited");
    }
    waitsFor[warp.number] = phase;
    if (releases) {
      warp.synchronization.endEpoch();
      warp.synchronization.tell(arriving);
    }
    arrived |= 1L << warp.number;
    endPhase();
  }

  /** A warp has exited. */
  void exited() {
    if (arrived != 0) {
      endPhase();
    }
  }

  private void endPhase() {
    for (Warp warp : cluster.warps()) {
      if (warp.live() != 0 && (arrived >>> warp.number & 1) == 0) {
        return;
      }
    }
    arrived = 0;
    phase++;
    arriving.tell(released);
    cluster.changed();
  }

  /** A warp waits for the others. */
  void await(Warp warp) {
    int awaited = waitsFor[warp.number];
    if (awaited == NONE) {
      throw warp.fault(0, "waits at the barrier of the cluster without having arrived");
    }
    waitsFor[warp.number] = NONE;
    if (awaited != phase) {
      released.tell(warp.synchronization);
    } else {
      warp.waitFor(new ForPhase(warp, awaited));
    }
  }

  private final class ForPhase implements Warp.Wait {
    private final Warp warp;
    private final int awaited;

    ForPhase(Warp warp, int awaited) {
      this.warp = warp;
      this.awaited = awaited;
    }

    @Override
    public boolean isOver() {
      return phase != awaited;
    }

    @Override
    public void end() {
      released.tell(warp.synchronization);
    }

    @Override
    public String toString() {
      return "at the barrier of the cluster, which others do not reach";
    }
  }
}
