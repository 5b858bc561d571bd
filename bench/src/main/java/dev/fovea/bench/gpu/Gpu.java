package dev.fovea.bench.gpu;

import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.CudaDeviceProvider;
import dev.fovea.kernels.cuda.Workbench;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaDrivers;
import dev.fovea.kernels.cuda.driver.CudaException;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The GPU that is looked at, by its two doors.
 *
 * @param device name of the engine's device
 * @param opening opens its driver, for one thread
 * @param diagnosis what there is and what not, in a few lines
 */
record Gpu(String device, Supplier<CudaDriver> opening, Supplier<String> diagnosis) {

  /** The one of this machine. */
  static final Gpu INSTALLED =
      new Gpu("cuda", CudaDrivers::open, new CudaDeviceProvider()::diagnosis);

  /**
   * Why there is none; empty if there is one.
   *
   * @throws CudaException if it is there and cannot be opened
   */
  Optional<String> absence() {
    try {
      opening.get().close();
      return Optional.empty();
    } catch (CudaException e) {
      if (e.kind() == CudaException.Kind.NO_DEVICE) {
        return Optional.of(e.getMessage());
      }
      throw e;
    }
  }

  /** Opens the kernels. */
  Workbench workbench(WeightStorage storage, String kernels) {
    return new Workbench(opening, storage, kernels);
  }
}
