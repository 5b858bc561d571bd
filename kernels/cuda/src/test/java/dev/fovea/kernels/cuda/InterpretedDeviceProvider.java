package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.util.Optional;

/**
 * The GPU path on the PTX interpreter, as device "interpreted". Kernels "library" and
 * "fusing-library" put {@link NaiveProducts} in the place of cuBLAS and cuBLASLt.
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
    Precision precision = Precision.of(options.storage());
    return new CudaDevice(
        InterpretedDriver::new, precision, multiplier(options.kernels(), precision));
  }

  private static Multiplier multiplier(String kernels, Precision precision) {
    return switch (kernels) {
      case "library" -> driver -> Optional.of(new NaiveProducts(driver, precision, false));
      case "fusing-library" -> driver -> Optional.of(new NaiveProducts(driver, precision, true));
      default -> Multiplier.named(kernels);
    };
  }
}
