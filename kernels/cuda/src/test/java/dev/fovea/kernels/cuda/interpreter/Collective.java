package dev.fovea.kernels.cuda.interpreter;

/**
 * An instruction that several lanes of a warp execute together; lanes that are early wait for the
 * others.
 */
abstract class Collective extends Instruction {

  /**
   * The lanes that take part; those that have exited are not waited for.
   *
   * @param lanes the lanes that have come
   */
  abstract int members(Warp warp, int lanes);
}
