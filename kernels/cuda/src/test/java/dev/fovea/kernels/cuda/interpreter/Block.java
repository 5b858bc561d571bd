package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/** A block: its warps, its shared memory, its barriers. */
final class Block {

  private final Cluster cluster;
  private final int rank;
  private final SharedMemory shared;
  private final Barriers barriers;
  private final Warp[] warps;
  private final WarpGroup[] groups;
  private final RegisterFile registerFile;

  /** By warp of the cluster: the epoch in which it has touched this block's memory last. */
  private final int[] touchedIn;

  private int x;
  private int y;
  private int z;

  Block(Cluster cluster, int rank) {
    this.cluster = cluster;
    this.rank = rank;
    warps = new Warp[Math.ceilDiv(cluster.grid().threads(), Warp.LANES)];
    shared = new SharedMemory(this, cluster.grid().sharedBytes(), cluster.agents());
    barriers = new Barriers(this);
    groups = new WarpGroup[Math.ceilDiv(warps.length, WarpGroup.WARPS)];
    Arrays.setAll(groups, i -> new WarpGroup(this, i));
    for (int i = 0; i < warps.length; i++) {
      warps[i] = new Warp(this, i);
    }
    registerFile = new RegisterFile(this);
    touchedIn = new int[warps.length * cluster.kernel().cluster().blocks()];
  }

  /** Starts the block of a cluster whose first block has this place in the grid. */
  void start(int firstX, int firstY, int firstZ) {
    ClusterShape shape = kernel().cluster();
    x = firstX + rank % shape.x();
    y = firstY + rank / shape.x() % shape.y();
    z = firstZ + rank / shape.x() / shape.y();
    shared.clear();
    barriers.clear();
    registerFile.clear();
    Arrays.fill(touchedIn, 0);
    for (WarpGroup group : groups) {
      group.clear();
    }
    for (Warp warp : warps) {
      warp.start(threads() - warp.index * Warp.LANES);
    }
  }

  Cluster cluster() {
    return cluster;
  }

  /** Its place in the cluster. */
  int rank() {
    return rank;
  }

  /** What to say behind something of this block, if there are others. */
  String suffix() {
    return cluster.blocks().length > 1 ? " of block " + rank + " of the cluster" : "";
  }

  Kernel kernel() {
    return cluster.kernel();
  }

  Grid grid() {
    return cluster.grid();
  }

  int threads() {
    return cluster.grid().threads();
  }

  GlobalMemory globalMemory() {
    return cluster.globalMemory();
  }

  SharedMemory shared() {
    return shared;
  }

  Barriers barriers() {
    return barriers;
  }

  Warp[] warps() {
    return warps;
  }

  /** The group of four warps that a warp belongs to. */
  WarpGroup group(Warp warp) {
    return groups[warp.index / WarpGroup.WARPS];
  }

  RegisterFile registerFile() {
    return registerFile;
  }

  int x() {
    return x;
  }

  int y() {
    return y;
  }

  int z() {
    return z;
  }

  /** How often something has changed that other warps can see. */
  long changes() {
    return cluster.changes();
  }

  void changed() {
    cluster.changed();
  }

  private boolean isOver() {
    for (Warp warp : warps) {
      if (warp.live() != 0) {
        return false;
      }
    }
    return true;
  }

  /** A warp of another block touches this block's memory, which has to be there. */
  void touched(Warp warp, int lane) {
    if (isOver()) {
      throw warp.fault(
          lane,
          "touches the shared memory of block %d of the cluster, which has exited".formatted(rank));
    }
    touchedIn[warp.number] = warp.synchronization.epoch();
  }

  /** A warp has exited. With the last one the memory goes, which others must not need any more. */
  void exited(Warp last) {
    cluster.barrier().exited();
    if (!isOver()) {
      return;
    }
    for (Warp other : cluster.warps()) {
      if (touchedIn[other.number] > 0 && !isSeen(other.number, touchedIn[other.number])) {
        throw last.fault(
            0,
            "ends its block, whose shared memory warp %d%s touches, without a barrier between them"
                .formatted(other.index, other.block.suffix()));
      }
    }
    cluster.copies().exited(this, last);
    for (Warp warp : warps) {
      warp.stores.blockEnds(last);
    }
  }

  private boolean isSeen(int agent, int epoch) {
    for (Warp warp : warps) {
      if (warp.synchronization.after(agent, epoch)) {
        return true;
      }
    }
    return false;
  }
}
