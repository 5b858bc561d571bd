package dev.fovea.kernels.cuda.interpreter;

/**
 * An instruction that has no effect where blocks run one after another and memory has no caches.
 */
final class NoOperation extends Instruction {

  @Override
  void execute(Warp warp, int lanes) {}
}
