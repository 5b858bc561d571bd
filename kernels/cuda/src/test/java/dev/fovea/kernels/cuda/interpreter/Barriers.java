package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/** The 16 barriers of a block. */
final class Barriers {

  private static final int COUNT = 16;

  /** For {@link #arrive}: all threads of the block. */
  static final int ALL_THREADS = -1;

  /** Takes the outcome of a vote at a barrier. */
  interface Receiver {
    void receive(Warp warp, int yes, int voters);
  }

  private final Block block;

  /** By barrier: the warps that have come, a bit each; those of them that wait. */
  private final int[] arrived = new int[COUNT];

  private final int[] waiting = new int[COUNT];
  private final int[] expected = new int[COUNT];

  /** By barrier: threads that have voted, and those of them in favour. */
  private final int[] voters = new int[COUNT];

  private final int[] yes = new int[COUNT];

  /** By warp: who wants to know the outcome of the vote that it waits for. */
  private final Receiver[] receivers = new Receiver[Warp.LANES];

  /** What all that have come to a barrier know. */
  private final Synchronization together;

  Barriers(Block block) {
    this.block = block;
    together = new Synchronization(block.cluster().agents());
  }

  /** Forgets the last block. */
  void clear() {
    for (int barrier = 0; barrier < COUNT; barrier++) {
      arrived[barrier] = 0;
      waiting[barrier] = 0;
      voters[barrier] = 0;
      yes[barrier] = 0;
    }
    Arrays.fill(receivers, null);
  }

  /** A warp comes to a barrier at which the threads vote, and waits. */
  void vote(Warp warp, int barrier, int threads, int votes, Receiver receiver) {
    check(warp, barrier, threads);
    voters[barrier] += Integer.bitCount(warp.live());
    yes[barrier] += Integer.bitCount(votes);
    receivers[warp.index] = receiver;
    arrive(warp, barrier, threads, true);
  }

  /**
   * A warp comes to a barrier.
   *
   * @param threads how many the barrier waits for, or {@link #ALL_THREADS}
   * @param waits false if the warp goes on at once
   */
  void arrive(Warp warp, int barrier, int threads, boolean waits) {
    check(warp, barrier, threads);
    int bit = 1 << warp.index;
    if ((arrived[barrier] & bit) != 0) {
      throw warp.fault(0, "comes to barrier " + barrier + " again before the others");
    }
    arrived[barrier] |= bit;
    expected[barrier] = threads;
    if (waits) {
      waiting[barrier] |= bit;
      warp.waitAtBarrier();
    }
    int needed = threads == ALL_THREADS ? block.warps().length : Math.ceilDiv(threads, Warp.LANES);
    if (Integer.bitCount(arrived[barrier]) == needed) {
      complete(barrier);
    }
  }

  private void check(Warp warp, int barrier, int threads) {
    if (barrier < 0 || barrier >= COUNT) {
      throw warp.fault(0, "there is no barrier " + barrier + ", only 0 to " + (COUNT - 1));
    }
    if (arrived[barrier] != 0 && expected[barrier] != threads) {
      throw warp.fault(
          0, "other warps came to barrier " + barrier + " with another count of threads");
    }
    if (threads == ALL_THREADS) {
      for (Warp other : block.warps()) {
        checkNoneExited(warp, other);
      }
    } else {
      checkNoneExited(warp, warp);
    }
  }

  private static void checkNoneExited(Warp at, Warp other) {
    int missing = other.started() & ~other.live();
    if (missing != 0) {
      throw at.fault(
          0,
          "waits for all threads at a barrier, but lane %d of warp %d has exited"
              .formatted(Integer.numberOfTrailingZeros(missing), other.index));
    }
  }

  /** Threads of a warp have exited; nobody may wait for them. */
  void exited(Warp warp) {
    for (int barrier = 0; barrier < COUNT; barrier++) {
      if (arrived[barrier] != 0 && expected[barrier] == ALL_THREADS) {
        Warp waiter = block.warps()[Integer.numberOfTrailingZeros(arrived[barrier])];
        checkNoneExited(waiter, warp);
      }
    }
  }

  /** What any participant did before happens before what any of them does afterwards. */
  private void complete(int barrier) {
    int participants = arrived[barrier];
    int sleepers = waiting[barrier];
    arrived[barrier] = 0;
    waiting[barrier] = 0;
    for (Warp warp : block.warps()) {
      if ((participants >>> warp.index & 1) != 0) {
        warp.synchronization.endEpoch();
      }
    }
    together.clear();
    for (Warp from : block.warps()) {
      if ((participants >>> from.index & 1) != 0) {
        from.synchronization.tell(together);
      }
    }
    for (Warp to : block.warps()) {
      if ((sleepers >>> to.index & 1) != 0) {
        together.tell(to.synchronization);
      }
    }
    for (Warp warp : block.warps()) {
      if ((sleepers >>> warp.index & 1) != 0) {
        resume(warp, barrier);
      }
    }
    voters[barrier] = 0;
    yes[barrier] = 0;
    block.changed();
  }

  private void resume(Warp warp, int barrier) {
    Receiver receiver = receivers[warp.index];
    if (receiver != null) {
      receivers[warp.index] = null;
      receiver.receive(warp, yes[barrier], voters[barrier]);
    }
    warp.resume();
  }
}
