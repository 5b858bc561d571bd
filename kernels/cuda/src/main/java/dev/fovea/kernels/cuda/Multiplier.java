package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import java.util.Optional;

/** Who multiplies matrices. */
@FunctionalInterface
interface Multiplier {

  /** Our own kernels, fused with what stands around the product. */
  Multiplier PTX = driver -> Optional.empty();

  /** cuBLAS 12, through JCuda. */
  Multiplier CUBLAS = driver -> Optional.of(MatrixProducts.cublas(driver));

  /** cuBLASLt of CUDA 13 or 12. */
  Multiplier CUBLASLT = driver -> Optional.of(MatrixProducts.cublasLt(driver));

  /** The library that multiplies, opened; empty for our own kernels. */
  Optional<MatrixProducts> library(CudaDriver driver);

  /**
   * The one of this name, as users choose it.
   *
   * @param name "auto" for our own
   * @throws IllegalArgumentException if there is none
   */
  static Multiplier named(String name) {
    return switch (name) {
      case "auto", "ptx" -> PTX;
      case "cublas" -> CUBLAS;
      case "cublaslt" -> CUBLASLT;
      default ->
          throw new IllegalArgumentException(
              "no kernels '%s' for CUDA; there are auto, ptx, cublas, cublaslt".formatted(name));
    };
  }
}
