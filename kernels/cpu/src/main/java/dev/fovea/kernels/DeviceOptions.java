package dev.fovea.kernels;

import java.util.Objects;

/**
 * How a device is opened.
 *
 * @param kernels which of the device's kernels, by a name that it knows; "auto" for the best that
 *     run here. On a CPU: "scalar" or "vector"
 * @param threads threads of the host that work for the device, the caller's included: they compute
 *     on a CPU, and only pack weights for a GPU; 0 for one per processor of the machine or
 *     container
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
