package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;

/** Opens the processors of this machine. Always possible. */
public final class CpuDeviceProvider implements DeviceProvider {

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String diagnosis() {
    return new ScalarKernels().description();
  }

  @Override
  public Device open(DeviceOptions options) {
    int threads =
        options.threads() == 0 ? Runtime.getRuntime().availableProcessors() : options.threads();
    return new CpuDevice(
        options.kernels().equals("vector")
            ? new dev.fovea.kernels.cpu.vector.VectorKernels()
            : new ScalarKernels(),
        threads,
        options.storage());
  }
}
