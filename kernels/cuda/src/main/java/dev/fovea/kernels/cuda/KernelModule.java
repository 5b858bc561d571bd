package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.PlanBuilder.Kernel;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** The kernels of one PTX file. Used on the CUDA thread only. */
final class KernelModule {

  private final CudaDriver driver;
  private final Precision precision;
  private final long module;

  /**
   * Loads the PTX of one source file.
   *
   * @param source name of the file in {@code src/main/cuda}, without its ending
   */
  KernelModule(CudaDriver driver, Precision precision, String source) {
    this.driver = driver;
    this.precision = precision;
    module = driver.loadModule(ptx(source + "_" + precision.suffix() + ".ptx"));
  }

  /** Reads a PTX file of this package. */
  static String ptx(String file) {
    try (InputStream in = KernelModule.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(
            file
                + " is missing in the jar of the CUDA kernels; build it with"
                + " kernels/cuda/build-ptx");
      }
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Finds a kernel.
   *
   * @param name without the precision
   */
  Kernel kernel(String name, int threads, int sharedBytes) {
    return named(name + "_" + precision.suffix(), threads, sharedBytes);
  }

  /**
   * Finds a product's kernel.
   *
   * @param moreBytes shared memory behind the stages
   */
  Kernel kernel(Tile tile, int moreBytes) {
    return named(tile.kernelName(precision), tile.threads(), tile.stagesBytes() + moreBytes);
  }

  private Kernel named(String name, int threads, int sharedBytes) {
    return new Kernel(name, driver.function(module, name, sharedBytes), threads, sharedBytes);
  }
}
