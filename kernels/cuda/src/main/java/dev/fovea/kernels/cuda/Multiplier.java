package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import java.lang.System.Logger.Level;

/** Brings who multiplies matrices. */
@FunctionalInterface
interface Multiplier {

  /** Our own kernels, the fastest that the GPU can run. */
  Multiplier AUTO = Multiplier::fastest;

  /** Our own kernels for all GPUs, fused with what stands around the product. */
  Multiplier PTX = (driver, precision, own, choice) -> own;

  /** Our own kernels for compute capability 9.0. */
  Multiplier HOPPER = Multiplier::hopper;

  /** cuBLAS 12, through JCuda. */
  Multiplier CUBLAS =
      (driver, precision, own, choice) ->
          new LibraryProducts(driver, precision, MatrixProducts.cublas(driver));

  /** cuBLASLt of CUDA 13 or 12. */
  Multiplier CUBLASLT =
      (driver, precision, own, choice) ->
          new LibraryProducts(driver, precision, MatrixProducts.cublasLt(driver));

  /**
   * Opens it, on the CUDA thread.
   *
   * @param own our kernels for all GPUs
   * @param choice of tiles
   */
  Products open(CudaDriver driver, Precision precision, ProductKernels own, TileChoice choice);

  /**
   * The one of this name, as users choose it.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Multiplier named(String name) {
    return switch (name) {
      case "auto" -> AUTO;
      case "ptx" -> PTX;
      case "hopper" -> HOPPER;
      case "cublas" -> CUBLAS;
      case "cublaslt" -> CUBLASLT;
      default ->
          throw new IllegalArgumentException(
              "no kernels '%s' for CUDA; there are auto, ptx, hopper, cublas, cublaslt"
                  .formatted(name));
    };
  }

  /** Which of our own kernels a GPU and its driver take, and why not the others: for diagnosis. */
  static String ownKernels(GpuFacts facts) {
    if (!able(facts)) {
      return "own kernels: ptx; not hopper, which are for compute capability 9.0";
    }
    return facts.driverVersion() < HopperProducts.OLDEST_DRIVER
        ? "own kernels: ptx; not hopper, which need a driver for CUDA 12.0"
        : "own kernels: hopper, ptx";
  }

  private static boolean able(GpuFacts facts) {
    return facts.capability() == HopperProducts.CAPABILITY;
  }

  private static Products hopper(
      CudaDriver driver, Precision precision, ProductKernels own, TileChoice choice) {
    if (!able(driver.facts())) {
      throw new IllegalArgumentException(
          "the kernels 'hopper' are for compute capability 9.0, this GPU has %d.%d; use 'auto'"
              .formatted(driver.facts().capability() / 10, driver.facts().capability() % 10));
    }
    return new HopperProducts(driver, precision, own, choice);
  }

  /** The kernels for this GPU; those for all GPUs if its driver does not take them. */
  private static Products fastest(
      CudaDriver driver, Precision precision, ProductKernels own, TileChoice choice) {
    if (!able(driver.facts())) {
      return own;
    }
    try {
      return new HopperProducts(driver, precision, own, choice);
    } catch (CudaException e) {
      if (e.kind() == CudaException.Kind.LOST) {
        throw e;
      }
      System.getLogger("dev.fovea.kernels.cuda")
          .log(
              Level.WARNING,
              () ->
                  "The kernels for compute capability 9.0 cannot be used (%s); those for all GPUs run, which are slower. Update the NVIDIA driver"
                      .formatted(e.getMessage()));
      return own;
    }
  }
}
