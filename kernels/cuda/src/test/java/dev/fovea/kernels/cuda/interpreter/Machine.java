package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Runs kernels, on one thread. */
final class Machine {

  private static final int MOST_THREADS = 1024;
  private static final int MOST_BLOCKS_ACROSS = 65535;

  private final GlobalMemory memory = new GlobalMemory();
  private SplittableRandom order;
  private LaunchOrder last = LaunchOrder.none();

  GlobalMemory memory() {
    return memory;
  }

  /**
   * From now on blocks and warps run in orders that this seed decides, instead of one after
   * another.
   */
  void shuffle(long seed) {
    order = new SplittableRandom(seed);
  }

  /** Everything that was launched has ended before what follows starts. */
  void end() {
    last.end();
  }

  /**
   * Runs all blocks of a grid; throws {@link KernelFault}.
   *
   * @param early true if it may start before the last one has ended
   */
  void run(Kernel kernel, Grid launched, boolean early) {
    check(kernel, launched);
    last = last.next(early);
    Grid grid = launched.in(last);
    Integer[] numbers = new Integer[grid.blocks() / kernel.cluster().blocks()];
    Arrays.setAll(numbers, i -> i);
    Cluster.shuffle(numbers, order);
    Cluster cluster = new Cluster(kernel, grid, memory);
    for (int number : numbers) {
      cluster.run(number, order);
    }
  }

  /** Throws if the kernel cannot be started like this. */
  static void check(Kernel kernel, Grid grid) {
    int most = kernel.mostThreads() > 0 ? kernel.mostThreads() : MOST_THREADS;
    if (grid.threads() > most || grid.threads() > MOST_THREADS) {
      throw refused(kernel, "blocks of at most " + most + " threads", grid.threads() + " threads");
    }
    if (kernel.exactThreads() > 0 && grid.threads() != kernel.exactThreads()) {
      throw refused(
          kernel,
          "blocks of exactly " + kernel.exactThreads() + " threads",
          grid.threads() + " threads");
    }
    if (grid.y() > MOST_BLOCKS_ACROSS || grid.z() > MOST_BLOCKS_ACROSS) {
      throw refused(
          kernel,
          "grids of at most " + MOST_BLOCKS_ACROSS + " blocks in y and z",
          grid.y() + " x " + grid.z());
    }
    ClusterShape cluster = kernel.cluster();
    if (grid.x() % cluster.x() != 0 || grid.y() % cluster.y() != 0 || grid.z() % cluster.z() != 0) {
      throw refused(
          kernel,
          "grids of whole clusters of %d x %d x %d blocks"
              .formatted(cluster.x(), cluster.y(), cluster.z()),
          "%d x %d x %d blocks".formatted(grid.x(), grid.y(), grid.z()));
    }
    int unit = Long.BYTES;
    int expected = Math.ceilDiv(kernel.parameterBytes(), unit) * unit;
    int given = Math.ceilDiv(grid.parameters().length, unit) * unit;
    if (expected != given) {
      throw refused(
          kernel,
          kernel.parameterBytes() + " bytes of parameters",
          grid.parameters().length + " bytes");
    }
  }

  private static KernelFault refused(Kernel kernel, String expected, String came) {
    return new KernelFault(
        "kernel %s takes %s, but was launched with %s".formatted(kernel.name(), expected, came));
  }
}
