package dev.fovea.kernels.cuda.driver;

import java.lang.foreign.MemorySegment;

/**
 * One start of a kernel. All kernels take one parameter, a structure, so that a launch is prepared
 * once and costs nothing to repeat.
 *
 * @param name the kernel's, for messages
 * @param function handle of the kernel
 * @param gridX blocks in x
 * @param gridY blocks in y
 * @param gridZ blocks in z
 * @param threads threads of a block, all in x
 * @param sharedBytes dynamic shared memory of a block
 * @param arguments the structure, in native memory that lives as long as the launch
 * @param early true if the kernel may start before the one in front of it has ended, because it
 *     waits for that itself (griddepcontrol.wait) before it reads what others write or writes what
 *     others read; a driver that cannot do so starts it in order
 */
public record Launch(
    String name,
    long function,
    int gridX,
    int gridY,
    int gridZ,
    int threads,
    int sharedBytes,
    MemorySegment arguments,
    boolean early) {

  /** A launch behind the end of the kernel in front of it. */
  public Launch(
      String name,
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int threads,
      int sharedBytes,
      MemorySegment arguments) {
    this(name, function, gridX, gridY, gridZ, threads, sharedBytes, arguments, false);
  }

  /** Checks the grid. */
  public Launch {
    if (gridX < 1 || gridY < 1 || gridZ < 1 || threads < 1 || sharedBytes < 0) {
      throw new IllegalArgumentException(
          "%s cannot be launched as %d x %d x %d blocks of %d threads"
              .formatted(name, gridX, gridY, gridZ, threads));
    }
  }
}
