package dev.fovea.kernels.cuda.interpreter;

/**
 * A barrier in shared memory. A phase of it ends when so many threads have arrived as it was
 * initialised with, and all bytes have landed that they expect. What happened before an arrival
 * happens before what waiters do after the phase.
 */
final class MemoryBarrier {

  /** Most arrivals of a phase, and most bytes that may be missing or too many. */
  static final int MOST = (1 << 20) - 1;

  private final SharedMemory home;
  private final int address;
  private final int arrivals;
  private final int agent;
  private final int initialiser;
  private final int initialisedIn;

  /** What those know that have arrived. */
  private final Synchronization arriving;

  /** What those knew that had arrived when the last phase ended. */
  private final Synchronization released;

  private boolean fenced;
  private int missing;
  private int missingBytes;
  private int phase;

  MemoryBarrier(SharedMemory home, int address, int arrivals, Warp warp, int lane) {
    Agents agents = warp.block.cluster().agents();
    this.home = home;
    this.address = address;
    this.arrivals = arrivals;
    agent = agents.newBarrier();
    if (agent < 0) {
      throw warp.fault(lane, "initialises more barriers than the interpreter can follow");
    }
    initialiser = warp.number * Warp.LANES + lane;
    initialisedIn = warp.synchronization.epoch();
    arriving = new Synchronization(agents);
    released = new Synchronization(agents);
    missing = arrivals;
  }

  /** The memory that it lies in. */
  SharedMemory home() {
    return home;
  }

  int address() {
    return address;
  }

  /** Its number among the {@link Agents}. */
  int agent() {
    return agent;
  }

  /** Phases that have ended. */
  int phase() {
    return phase;
  }

  /** A fence makes the barrier known to copies and to other blocks, if its warp initialised it. */
  void fence(Warp warp) {
    fenced |= initialiser / Warp.LANES == warp.number;
  }

  /** Throws if a thread may come here before the barrier has been initialised. */
  void require(Warp warp, int lane, boolean asynchronous) {
    Synchronization clock = warp.synchronization;
    int by = initialiser / Warp.LANES;
    if (!clock.after(by, initialisedIn) && initialiser != warp.number * Warp.LANES + lane) {
      throw warp.fault(
          lane,
          "uses %s, which %s has initialised, without a barrier between them"
              .formatted(this, home.block().cluster().describe(by, initialiser % Warp.LANES)));
    }
    boolean reaches = fenced || clock.reaches(by, initialisedIn, initialiser % Warp.LANES);
    if (asynchronous && !reaches) {
      throw warp.fault(
          lane,
          "lets a copy use %s, which may not see that it has been initialised: there is no fence.mbarrier_init or fence.proxy.async between them"
              .formatted(this));
    }
  }

  /**
   * Arrives.
   *
   * @param releases true if what the warp did happens before the end of the phase
   */
  void arrive(Warp warp, int lane, int count, boolean releases) {
    if (count < 1 || count > missing) {
      throw warp.fault(
          lane,
          "arrives %d times at %s, which has %d of %d arrivals to come in this phase"
              .formatted(count, this, missing, arrivals));
    }
    if (releases) {
      warp.synchronization.tell(arriving);
    }
    missing -= count;
    endPhase();
  }

  /** Waits for more bytes in this phase. */
  void expect(Warp warp, int lane, long bytes) {
    if (bytes < 0 || bytes > MOST || missingBytes + bytes > MOST) {
      throw warp.fault(
          lane,
          "expects %d bytes at %s, which can wait for at most %d".formatted(bytes, this, MOST));
    }
    missingBytes += (int) bytes;
  }

  /** Bytes have landed. */
  void landed(int bytes) {
    missingBytes -= bytes;
    if (missingBytes < -MOST) {
      throw new KernelFault(
          "%s: %d bytes have landed that nobody expected".formatted(this, -missingBytes));
    }
    endPhase();
  }

  private void endPhase() {
    if (missing != 0 || missingBytes != 0) {
      return;
    }
    phase++;
    arriving.learn(agent, phase);
    arriving.tell(released);
    missing = arrivals;
    home.block().changed();
  }

  /** What happened before the last phase ended happens before what the warp does from now on. */
  void acquire(Warp warp) {
    released.tell(warp.synchronization);
  }

  /** What it waits for. */
  String progress() {
    return "%s in phase %d: %d of %d arrivals and %d bytes are missing"
        .formatted(this, phase, missing, arrivals, missingBytes);
  }

  @Override
  public String toString() {
    return "the barrier at " + home.block().kernel().sharedPlace(address) + home.block().suffix();
  }
}
