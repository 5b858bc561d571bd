package dev.fovea.kernels.cuda.interpreter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The bulk copies of a warp's threads from shared to global memory. They read as late as a GPU may
 * let them: in the wait that covers them.
 */
final class BulkStores {

  private record Store(int lane, int group, int number, long target, int source, int size) {}

  private final Warp warp;
  private final List<Store> stores = new ArrayList<>();

  /** By lane: groups committed so far, which is the group that the next store belongs to. */
  private final int[] committed = new int[Warp.LANES];

  private int agent;
  private int started;

  BulkStores(Warp warp) {
    this.warp = warp;
  }

  void clear() {
    stores.clear();
    Arrays.fill(committed, 0);
    agent = -1;
    started = 0;
  }

  /** Starts a store; both addresses and the size are multiples of 16. */
  void start(int lane, long target, long source, int size) {
    if (agent < 0) {
      agent = warp.block.cluster().agents().newStores();
      if (agent < 0) {
        throw warp.fault(lane, "more warps store in bulk than the interpreter can follow");
      }
    }
    started++;
    int index =
        warp.block
            .shared()
            .readingAsync(warp.synchronization, warp, lane, source, size, agent, started);
    target(lane, target, size);
    stores.add(new Store(lane, committed[lane], started, target, index, size));
  }

  /** Closes the group of stores that these lanes have started. */
  void commit(int lanes) {
    for (int rest = lanes; rest != 0; rest &= rest - 1) {
      committed[Integer.numberOfTrailingZeros(rest)]++;
    }
  }

  /** Does the stores of these lanes but for those of the last groups and those in no group. */
  void waitForGroups(int lanes, int pending) {
    stores.removeIf(
        store -> {
          boolean covered =
              (lanes >>> store.lane & 1) != 0 && store.group < committed[store.lane] - pending;
          if (covered) {
            land(store);
          }
          return covered;
        });
    if (agent >= 0) {
      int done = stores.isEmpty() ? started : stores.getFirst().number - 1;
      warp.synchronization.learn(agent, done);
    }
    warp.block.changed();
  }

  private void land(Store store) {
    Allocation allocation = target(store.lane, store.target, store.size);
    int index = allocation.index(store.target);
    System.arraycopy(warp.block.shared().bytes, store.source, allocation.bytes, index, store.size);
    allocation.writeRange(index, store.size);
    warp.memory.noteWrite(store.lane, allocation, index, store.size);
  }

  private Allocation target(int lane, long target, int size) {
    GlobalMemory global = warp.block.globalMemory();
    Allocation allocation = global.find(target, size);
    if (allocation == null) {
      throw warp.fault(lane, "stores to global memory: " + global.describe(target, size));
    }
    return allocation;
  }

  /** The block's memory goes; everything has to have been read. */
  void blockEnds(Warp last) {
    if (!stores.isEmpty()) {
      throw last.fault(
          0,
          "ends its block while a bulk store of warp %d reads its shared memory: there is no cp.async.bulk.wait_group"
              .formatted(warp.index));
    }
  }
}
