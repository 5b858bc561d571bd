package dev.fovea.kernels.cpu;

/**
 * One step of a plan, cut into pieces that may run in any order on any thread.
 *
 * <p>How a step is cut may depend on its shape and on the number of threads; what a piece computes
 * for an element does not, so results are the same bits for any number of threads.
 */
public interface Task {

  /** Number of pieces. */
  int count();

  /**
   * Computes one piece.
   *
   * @param index which piece, from 0 to {@code count() - 1}
   * @param slot number of the thread that runs it: pieces that run at the same time have different
   *     slots, so scratch memory is kept by slot
   */
  void run(int index, int slot);
}
