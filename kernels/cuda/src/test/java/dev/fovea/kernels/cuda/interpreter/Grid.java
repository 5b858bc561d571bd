package dev.fovea.kernels.cuda.interpreter;

/**
 * How a kernel is started.
 *
 * @param x blocks in x
 * @param y blocks in y
 * @param z blocks in z
 * @param threads of a block, all in x
 * @param sharedBytes dynamic shared memory of a block
 * @param parameters the kernel's, as they lie in memory
 */
record Grid(int x, int y, int z, int threads, int sharedBytes, byte[] parameters) {

  int blocks() {
    return Math.multiplyExact(Math.multiplyExact(x, y), z);
  }
}
