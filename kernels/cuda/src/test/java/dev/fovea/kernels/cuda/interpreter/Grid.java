package dev.fovea.kernels.cuda.interpreter;

/**
 * How a kernel is started.
 *
 * @param x blocks in x
 * @param y blocks in y
 * @param z blocks in z
 * @param threads of a block, all in x
 * @param sharedBytes dynamic shared memory of a block
 * @param order of this launch among the others
 * @param parameters the kernel's, as they lie in memory
 */
record Grid(
    int x, int y, int z, int threads, int sharedBytes, LaunchOrder order, byte[] parameters) {

  /** The same, launched behind others. */
  Grid in(LaunchOrder place) {
    return new Grid(x, y, z, threads, sharedBytes, place, parameters);
  }

  int blocks() {
    return Math.multiplyExact(Math.multiplyExact(x, y), z);
  }
}
