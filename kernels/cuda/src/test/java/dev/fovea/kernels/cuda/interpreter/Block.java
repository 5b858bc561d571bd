package dev.fovea.kernels.cuda.interpreter;

import java.util.SplittableRandom;

/** One block of a grid after another: its warps, its shared memory, its barriers. */
final class Block {

  /** Rounds of loops after which another warp has a turn. */
  private static final int TURN = 1024;

  private final Kernel kernel;
  private final Grid grid;
  private final GlobalMemory globalMemory;
  private final SharedMemory shared;
  private final Barriers barriers;
  private final Warp[] warps;
  private int x;
  private int y;
  private int z;
  private long changes;

  Block(Kernel kernel, Grid grid, GlobalMemory globalMemory) {
    this.kernel = kernel;
    this.grid = grid;
    this.globalMemory = globalMemory;
    warps = new Warp[Math.ceilDiv(grid.threads(), Warp.LANES)];
    shared = new SharedMemory(kernel, grid.sharedBytes(), warps.length);
    barriers = new Barriers(this);
    for (int i = 0; i < warps.length; i++) {
      warps[i] = new Warp(this, i, warps.length);
    }
  }

  /**
   * Runs one block of the grid.
   *
   * @param order shuffles the order in which warps have their turns; null for their own
   */
  void run(int number, SplittableRandom order) {
    x = number % grid.x();
    y = number / grid.x() % grid.y();
    z = number / grid.x() / grid.y();
    shared.clear();
    barriers.clear();
    for (Warp warp : warps) {
      warp.start(grid.threads() - warp.index * Warp.LANES);
    }
    Warp[] turns = warps.clone();
    shuffle(turns, order);
    while (runAll(turns)) {}
    for (Warp warp : warps) {
      if (warp.state() != Warp.State.EXITED) {
        throw warp.standstill();
      }
    }
  }

  /** Gives every warp that can run a turn; false if none could. */
  private static boolean runAll(Warp[] turns) {
    boolean ran = false;
    for (Warp warp : turns) {
      if (warp.canRun()) {
        warp.run(TURN);
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

  int threads() {
    return grid.threads();
  }

  GlobalMemory globalMemory() {
    return globalMemory;
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
    return changes;
  }

  void changed() {
    changes++;
  }
}
