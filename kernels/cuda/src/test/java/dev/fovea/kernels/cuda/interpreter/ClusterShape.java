package dev.fovea.kernels.cuda.interpreter;

/** How many blocks form a cluster, in each direction. */
record ClusterShape(int x, int y, int z) {

  static final ClusterShape ONE = new ClusterShape(1, 1, 1);

  int blocks() {
    return x * y * z;
  }
}
