package dev.fovea.kernels.cuda.interpreter;

/**
 * The barrier of a cluster. Threads arrive and wait in two steps; those that have exited are not
 * waited for.
 */
final class ClusterBarrier {

  private final Cluster cluster;
  private final Synchronization arriving;
  private final Synchronization released;
  private long arrived;
  private int phase;

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
  }

  /** Phases that have ended. */
  int phase() {
    return phase;
  }

  /**
   * A warp arrives.
   *
   * @param releases true if what the warp did happens before what others do after their wait
   */
  void arrive(Warp warp, boolean releases) {
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

  /** What those that have arrived did happens before what the warp does from now on. */
  void acquire(Warp warp) {
    released.tell(warp.synchronization);
  }
}
