package dev.fovea.kernels.cuda.driver;

/**
 * What a GPU is and can.
 *
 * @param name the product's
 * @param capability compute capability, 10 x major + minor: 80 for an A100, 90 for an H100
 * @param processors streaming multiprocessors
 * @param sharedBytesPerBlock most shared memory that one block may ask for
 * @param memoryBytes device memory
 * @param driverVersion CUDA version that the driver was made for, 1000 x major + 10 x minor: 12040
 * @param cacheBytes the second-level cache; 0 if it is not known
 */
public record GpuFacts(
    String name,
    int capability,
    int processors,
    int sharedBytesPerBlock,
    long memoryBytes,
    int driverVersion,
    long cacheBytes) {

  /** A GPU whose second-level cache is not known. */
  public GpuFacts(
      String name,
      int capability,
      int processors,
      int sharedBytesPerBlock,
      long memoryBytes,
      int driverVersion) {
    this(name, capability, processors, sharedBytesPerBlock, memoryBytes, driverVersion, 0);
  }
}
