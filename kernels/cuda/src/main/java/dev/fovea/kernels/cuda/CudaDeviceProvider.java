package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.cuda.driver.CudaDrivers;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/** Opens the first NVIDIA GPU of this machine. */
public final class CudaDeviceProvider implements DeviceProvider {

  private static final Logger LOGGER = System.getLogger("dev.fovea.kernels.cuda");

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String diagnosis() {
    return CudaDrivers.diagnosis(Multiplier::ownKernels);
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalArgumentException if the kernels have an unknown name
   */
  @Override
  public Device open(DeviceOptions options) {
    Multiplier multiplier = Multiplier.named(options.kernels());
    Precision precision = Precision.of(options.storage());
    CudaDevice device = new CudaDevice(CudaDrivers::open, precision, multiplier);
    LOGGER.log(
        Level.INFO,
        () ->
            "Opened %s (%s)"
                .formatted(device.description(), Multiplier.ownKernels(device.facts())));
    return device;
  }
}
