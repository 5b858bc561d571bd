package dev.fovea.kernels.cuda.interpreter;

/**
 * Who has written to a unit of shared memory, and when: the epoch, the number of the agent and the
 * lane in 30 bits, and how in 2 more. Never 0.
 */
final class Stamps {

  /** The bit for an asynchronous copy that has not been waited for; the sign. */
  static final int PENDING = 1 << 31;

  /** The bit for atomic, volatile, release and acquire accesses, which may meet each other. */
  static final int STRONG = 1 << 30;

  /** 256 agents of 32 lanes. */
  private static final int THREAD_BITS = 13;

  private static final int MOST_EPOCHS = 1 << 17;

  /** The epoch of what a bulk copy brings that has not landed: nobody ever comes after it. */
  private static final int IN_FLIGHT = MOST_EPOCHS - 1;

  private Stamps() {}

  /** What a lane writes now. */
  static int of(Warp warp, int lane) {
    int epoch = warp.synchronization.epoch();
    if (epoch >= IN_FLIGHT) {
      throw warp.fault(lane, "synchronises more often than the interpreter can count");
    }
    return of(warp.number, lane, epoch);
  }

  /** What bulk copies have brought in this phase of the barrier that counts their bytes. */
  static int landed(int agent, int phase) {
    if (phase >= IN_FLIGHT) {
      throw new KernelFault("a barrier has more phases than the interpreter can count");
    }
    return of(agent, 0, phase);
  }

  /** What a bulk copy is going to bring. */
  static int inFlight(int agent) {
    return of(agent, 0, IN_FLIGHT);
  }

  private static int of(int agent, int lane, int epoch) {
    return epoch << THREAD_BITS | agent * Warp.LANES + lane;
  }

  static boolean isInFlight(int stamp) {
    return stamp > 0 && epoch(stamp) == IN_FLIGHT;
  }

  static int epoch(int stamp) {
    return stamp >>> THREAD_BITS & MOST_EPOCHS - 1;
  }

  /** The agent's number times 32, plus the lane. */
  static int thread(int stamp) {
    return stamp & (1 << THREAD_BITS) - 1;
  }

  static int agent(int stamp) {
    return thread(stamp) / Warp.LANES;
  }

  static int lane(int stamp) {
    return stamp % Warp.LANES & Warp.LANES - 1;
  }
}
