package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;

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
   * @throws IllegalArgumentException if the kernels have an unknown name
   */
  @Override
  public Device open(DeviceOptions options) {
    CpuKernels kernels = KernelLookup.choose(options.kernels());
    int threads = options.threads() == 0 ? processors() : options.threads();
    Device device = new CpuDevice(kernels, threads, options.storage());
    LOGGER.log(Level.DEBUG, () -> "Opened " + device.description());
    return device;
  }

  @Override
  public void rehearse(DeviceOptions options) {
    KernelLookup.choose(options.kernels()).rehearse(options.storage());
  }

  private static int processors() {
    return Runtime.getRuntime().availableProcessors();
  }
}
