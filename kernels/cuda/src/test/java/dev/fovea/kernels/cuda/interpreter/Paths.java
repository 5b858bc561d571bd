package dev.fovea.kernels.cuda.interpreter;

/**
 * Where those lanes of a warp are that are not being executed. The lanes with the lowest program
 * counter go first, so that branches meet again behind what they skip, wherever the code is laid
 * out forwards.
 */
final class Paths {

  /** Why lanes are not being executed. */
  enum Reason {
    /** Others are behind them. */
    AHEAD,
    /** They have gone round a loop for a while, and others should have a turn. */
    TURN_OVER,
    /** They are at a collective instruction, waiting for others. */
    GATHERING
  }

  private final int[] counters = new int[Warp.LANES];
  private final int[] lanes = new int[Warp.LANES];
  private final Reason[] reasons = new Reason[Warp.LANES];
  private int count;
  private int attention = Integer.MAX_VALUE;
  private int takenCounter;

  void clear() {
    count = 0;
    attend();
  }

  /**
   * The program counter from which on the warp has to look at the other paths; 0 if at every step.
   */
  int attention() {
    return attention;
  }

  void add(int counter, int members, Reason reason) {
    counters[count] = counter;
    lanes[count] = members;
    reasons[count] = reason;
    count++;
    attend();
  }

  /** Takes the lanes that are at this program counter, for whatever reason they stopped there. */
  int join(int counter) {
    int joined = 0;
    for (int i = count - 1; i >= 0; i--) {
      if (counters[i] == counter) {
        joined |= lanes[i];
        remove(i);
      }
    }
    attend();
    return joined;
  }

  /** True if there are lanes that could go on. */
  boolean canGoOn() {
    return lowest(Reason.AHEAD) >= 0 || lowest(Reason.TURN_OVER) >= 0;
  }

  /** True if lanes that could go on are before this program counter. */
  boolean before(int counter) {
    int path = lowest(Reason.AHEAD);
    return path >= 0 && counters[path] < counter;
  }

  /** Takes the lanes that should go on, 0 if none can. */
  int take() {
    int path = lowest(Reason.AHEAD);
    if (path < 0) {
      path = lowest(Reason.TURN_OVER);
      for (int i = 0; i < count; i++) {
        reasons[i] = reasons[i] == Reason.TURN_OVER ? Reason.AHEAD : reasons[i];
      }
    }
    if (path < 0) {
      return 0;
    }
    takenCounter = counters[path];
    return join(takenCounter);
  }

  /** Lets lanes that wait for others look again who is missing: some have exited. */
  void gatherAgain() {
    for (int i = 0; i < count; i++) {
      reasons[i] = reasons[i] == Reason.GATHERING ? Reason.AHEAD : reasons[i];
    }
    attend();
  }

  /** Program counter of the lanes that were taken last. */
  int takenCounter() {
    return takenCounter;
  }

  /** Program counter of a lane that waits. */
  int counterOf(int lane) {
    for (int i = 0; i < count; i++) {
      if ((lanes[i] >>> lane & 1) != 0) {
        return counters[i];
      }
    }
    throw new IllegalArgumentException("lane " + lane + " does not wait");
  }

  private int lowest(Reason reason) {
    int path = -1;
    for (int i = 0; i < count; i++) {
      if (reasons[i] == reason && (path < 0 || counters[i] < counters[path])) {
        path = i;
      }
    }
    return path;
  }

  private void remove(int path) {
    count--;
    counters[path] = counters[count];
    lanes[path] = lanes[count];
    reasons[path] = reasons[count];
  }

  private void attend() {
    attention = Integer.MAX_VALUE;
    for (int i = 0; i < count; i++) {
      attention = Math.min(attention, reasons[i] == Reason.AHEAD ? counters[i] : 0);
    }
  }
}
