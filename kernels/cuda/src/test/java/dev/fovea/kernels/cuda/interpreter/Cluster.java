package dev.fovea.kernels.cuda.interpreter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** One cluster of blocks after another; a block by itself is a cluster, too. */
final class Cluster {

  /** A shared address has the rank of its block, plus 1, above this bit; 0 for a block's own. */
  private static final int RANK_SHIFT = 24;

  /** So many turns of all warps without a change that others can see are taken for a deadlock. */
  private static final int MOST_QUIET_TURNS = 1 << 12;

  private static final int MOST_WARPS = Long.SIZE;

  private final Kernel kernel;
  private final Grid grid;
  private final GlobalMemory globalMemory;
  private final Agents agents;
  private final Block[] blocks;
  private final Warp[] warps;
  private final BulkCopies copies;
  private final ClusterBarrier barrier;
  private long changes;

  Cluster(Kernel kernel, Grid grid, GlobalMemory globalMemory) {
    this.kernel = kernel;
    this.grid = grid;
    this.globalMemory = globalMemory;
    int count = kernel.cluster().blocks();
    int warpsOfBlock = Math.ceilDiv(grid.threads(), Warp.LANES);
    if (count * warpsOfBlock > MOST_WARPS) {
      throw new KernelFault(
          "kernel %s has %d warps in a cluster, but the interpreter can follow %d"
              .formatted(kernel.name(), count * warpsOfBlock, MOST_WARPS));
    }
    agents = new Agents(count * warpsOfBlock, kernel.asynchronous());
    blocks = new Block[count];
    List<Warp> all = new ArrayList<>();
    for (int rank = 0; rank < count; rank++) {
      blocks[rank] = new Block(this, rank);
      all.addAll(List.of(blocks[rank].warps()));
    }
    warps = all.toArray(Warp[]::new);
    copies = new BulkCopies();
    barrier = new ClusterBarrier(this);
  }

  /**
   * Runs one cluster of the grid.
   *
   * @param order shuffles the order in which warps have their turns and copies land; null for their
   *     own order, in which copies land when nobody can go on without them
   */
  void run(int number, SplittableRandom order) {
    ClusterShape shape = kernel.cluster();
    int x = number % (grid.x() / shape.x());
    int y = number / (grid.x() / shape.x()) % (grid.y() / shape.y());
    int z = number / (grid.x() / shape.x()) / (grid.y() / shape.y());
    agents.clear();
    barrier.clear();
    copies.clear();
    for (Block block : blocks) {
      block.start(x * shape.x(), y * shape.y(), z * shape.z());
    }
    Warp[] turns = warps.clone();
    shuffle(turns, order);
    int quiet = 0;
    while (quiet < MOST_QUIET_TURNS) {
      long before = changes;
      boolean ran = runAll(turns);
      boolean landed = copies.land(order) || (changes == before && copies.landOldest());
      quiet = changes != before || landed ? 0 : ran ? quiet + 1 : MOST_QUIET_TURNS;
    }
    for (Warp warp : warps) {
      if (warp.state() != Warp.State.EXITED) {
        throw warp.deadlock();
      }
    }
  }

  /** Gives every warp that can run a turn; false if none could. */
  private static boolean runAll(Warp[] turns) {
    boolean ran = false;
    for (Warp warp : turns) {
      if (warp.canRun()) {
        warp.run();
        ran = true;
      }
    }
    return ran;
  }

  static <T> void shuffle(T[] items, SplittableRandom order) {
    for (int i = items.length - 1; order != null && i > 0; i--) {
      int j = order.nextInt(i + 1);
      T swapped = items[i];
      items[i] = items[j];
      items[j] = swapped;
    }
  }

  Kernel kernel() {
    return kernel;
  }

  Grid grid() {
    return grid;
  }

  GlobalMemory globalMemory() {
    return globalMemory;
  }

  Agents agents() {
    return agents;
  }

  Block[] blocks() {
    return blocks;
  }

  Warp[] warps() {
    return warps;
  }

  BulkCopies copies() {
    return copies;
  }

  ClusterBarrier barrier() {
    return barrier;
  }

  /** How often something has changed that other warps can see. */
  long changes() {
    return changes;
  }

  void changed() {
    changes++;
  }

  /** The address of a block's shared memory as the other blocks see it. */
  static long remote(long address, int rank) {
    return offset(address) | (long) (rank + 1) << RANK_SHIFT;
  }

  /** A shared address within its block. */
  static long offset(long address) {
    return address & (1 << RANK_SHIFT) - 1;
  }

  /** The rank of the block that a shared address belongs to. */
  int rank(Warp warp, int lane, long address) {
    long rank = (address >>> RANK_SHIFT) - 1;
    if (rank >= blocks.length) {
      throw warp.fault(
          lane,
          "0x%x is no shared address of a cluster of %d blocks".formatted(address, blocks.length));
    }
    return rank < 0 ? warp.block.rank() : (int) rank;
  }

  /** The block that a shared address belongs to, which has to be there still. */
  Block blockOf(Warp warp, int lane, long address) {
    Block block = blocks[rank(warp, lane, address)];
    if (block != warp.block) {
      block.touched(warp, lane);
    }
    return block;
  }

  /** Where all warps are, and what the barriers wait for. */
  String report() {
    StringBuilder report = new StringBuilder();
    for (Warp warp : warps) {
      if (warp.state() != Warp.State.EXITED) {
        report.append("\n  ").append(warp.position());
      }
    }
    for (Block block : blocks) {
      for (MemoryBarrier memoryBarrier : block.shared().barriers().values()) {
        report.append("\n  ").append(memoryBarrier.progress());
      }
    }
    return report.toString();
  }

  /** Who an agent is, for messages. */
  String describe(int agent, int lane) {
    if (!agents.isWarp(agent)) {
      return "a bulk copy of " + barrierOf(agent);
    }
    Warp warp = warps[agent];
    return "thread %d (warp %d%s)"
        .formatted(warp.index * Warp.LANES + lane, warp.index, warp.block.suffix());
  }

  /** The barrier that counts what an agent copies. */
  MemoryBarrier barrierOf(int agent) {
    return Arrays.stream(blocks)
        .flatMap(block -> block.shared().barriers().values().stream())
        .filter(memoryBarrier -> memoryBarrier.agent() == agent)
        .findFirst()
        .orElse(null);
  }

  /** What an agent does that reads, for messages. */
  String describeReader(int agent) {
    if (agents.isWarp(agent)) {
      return "warp " + warps[agent].index + warps[agent].block.suffix() + " reads";
    }
    for (Warp warp : warps) {
      if (agents.products(warp.number) == agent) {
        return "a wgmma of warps %d to %d%s reads"
            .formatted(warp.index, warp.index + WarpGroup.WARPS - 1, warp.block.suffix());
      }
    }
    return "a bulk store reads";
  }
}
