package dev.fovea.kernels.cpu.vector;

/** How a task is cut into pieces for threads: in parts that differ by one unit at most. */
final class Shares {

  /** So that a thread that is held up does not hold up all. */
  private static final int PIECES_PER_THREAD = 4;

  private Shares() {}

  /**
   * Into how many parts to cut each of some equal rows of work: as few as have {@code most} units
   * at most, if all threads get as many of them; otherwise more, several a thread.
   *
   * @param units of one row, which cannot be cut; of 0 there are 0 parts
   * @param rows how many there are
   */
  static int parts(int units, int most, int rows, int threads) {
    int parts = Lanes.steps(units, most);
    long pieces = (long) parts * rows;
    if (pieces % threads == 0) {
      return parts;
    }
    while (parts < units
        && (pieces < (long) PIECES_PER_THREAD * threads || pieces % threads != 0)) {
      parts++;
      pieces += rows;
    }
    return parts;
  }

  /** The first unit of part {@code number}, or the end of the one before. */
  static int start(int units, int number, int parts) {
    return (int) ((long) units * number / parts);
  }
}
