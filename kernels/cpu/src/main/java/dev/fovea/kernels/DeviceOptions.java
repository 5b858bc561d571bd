package dev.fovea.kernels;

import java.util.Objects;

/**
 * How a device is opened.
 *
 * @param kernels which CPU kernels: "auto", "scalar" or "vector"
 * @param threads threads that compute, the caller's included; 0 for one per processor of the
 *     machine or container
 * @param storage how packed weights are kept in memory
 */
public record DeviceOptions(String kernels, int threads, WeightStorage storage) {

  /** Checks that nothing is null, and the number of threads. */
  public DeviceOptions {
    Objects.requireNonNull(kernels, "kernels");
    Objects.requireNonNull(storage, "storage");
    if (threads < 0) {
      throw new IllegalArgumentException(
          "threads must be 0 (one per processor) or more, got " + threads);
    }
  }
}
