package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** Who multiplies matrices, as users choose it. */
enum Multiplier {
  /** Our own kernels, fused with what stands around the product. */
  PTX("ptx"),
  /** cuBLAS 12, through JCuda. */
  CUBLAS("cublas"),
  /** cuBLASLt of CUDA 13 or 12. */
  CUBLASLT("cublaslt");

  private final String id;

  Multiplier(String id) {
    this.id = id;
  }

  /**
   * The one of this name.
   *
   * @param name "auto" for our own
   * @throws IllegalArgumentException if there is none
   */
  static Multiplier named(String name) {
    if (name.equals("auto")) {
      return PTX;
    }
    return Arrays.stream(values())
        .filter(multiplier -> multiplier.id.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no kernels '%s' for CUDA; there are auto, %s"
                        .formatted(
                            name,
                            Arrays.stream(values())
                                .map(multiplier -> multiplier.id)
                                .collect(Collectors.joining(", ")))));
  }

  /** The library that multiplies, opened; empty for our own kernels. */
  Optional<MatrixProducts> library(CudaDriver driver) {
    return switch (this) {
      case PTX -> Optional.empty();
      case CUBLAS -> Optional.of(MatrixProducts.cublas(driver));
      case CUBLASLT -> Optional.of(MatrixProducts.cublasLt(driver));
    };
  }
}
