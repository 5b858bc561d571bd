package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;

/**
 * The GPU path on the PTX interpreter, as device "interpreted": of compute capability 9.0 with the
 * kernels "hopper", otherwise of 8.0.
 */
public final class InterpretedDeviceProvider implements DeviceProvider {

  @Override
  public String name() {
    return "interpreted";
  }

  @Override
  public String diagnosis() {
    return "PTX is interpreted";
  }

  @Override
  public Device open(DeviceOptions options) {
    Multiplier multiplier = Multiplier.named(options.kernels());
    GpuFacts facts =
        multiplier == Multiplier.HOPPER ? InterpretedGpu.HOPPER : InterpretedDriver.SMALL;
    return new CudaDevice(
        () -> new InterpretedDriver(facts), Precision.of(options.storage()), multiplier);
  }
}
