package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Objects;

/**
 * Opens the processors of this machine: with vector kernels where they run, else with scalar ones.
 */
public final class CpuDeviceProvider implements DeviceProvider {

  private static final Logger LOGGER = System.getLogger("dev.fovea.kernels");

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String diagnosis() {
    return "%s\n%d processors".formatted(KernelLookup.diagnosis(), processors());
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalArgumentException if the kernels have an unknown name, or the number of threads
   *     is negative
   */
  @Override
  public Device open(DeviceOptions options) {
    Objects.requireNonNull(options.storage(), "storage");
    if (options.threads() < 0) {
      throw new IllegalArgumentException(
          "threads must be 0 (one per processor) or more, got " + options.threads());
    }
    CpuKernels kernels = KernelLookup.choose(options.kernels());
    int threads = options.threads() == 0 ? processors() : options.threads();
    Device device = new CpuDevice(kernels, threads, options.storage());
    LOGGER.log(Level.DEBUG, () -> "Opened " + device.description());
    return device;
  }

  private static int processors() {
    return Runtime.getRuntime().availableProcessors();
  }
}
