package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;

/**
 * The GPU path on the PTX interpreter, as device "interpreted": of compute capability 9.0 with the
 * kernels "hopper", otherwise of 8.0. Kernels "library" and "fusing-library" put {@link
 * NaiveProducts} in the place of cuBLAS and cuBLASLt.
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
    GpuFacts facts =
        options.kernels().equals("hopper") ? InterpretedGpu.HOPPER : InterpretedDriver.SMALL;
    return new CudaDevice(
        () -> new InterpretedDriver(facts), precision, multiplier(options.kernels()));
  }

  private static Multiplier multiplier(String kernels) {
    return switch (kernels) {
      case "library" -> library(false);
      case "fusing-library" -> library(true);
      default -> Multiplier.named(kernels);
    };
  }

  private static Multiplier library(boolean fusing) {
    return (driver, precision, own, choice) ->
        new LibraryProducts(driver, precision, new NaiveProducts(driver, precision, fusing));
  }
}
