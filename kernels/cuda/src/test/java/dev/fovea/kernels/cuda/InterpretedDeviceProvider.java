package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;

/** The GPU path on the PTX interpreter, as device "interpreted". */
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
    return new CudaDevice(InterpretedDriver::new, Precision.of(options.storage()), Multiplier.PTX);
  }
}
