package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Who multiplies matrices, as users choose it. */
enum Multiplier {
  /** Our own kernels, fused with what stands around the product. */
  PTX("ptx", null),
  /** cuBLAS 12, through JCuda. */
  CUBLAS("cublas", MatrixProducts::cublas),
  /** cuBLASLt of CUDA 13 or 12. */
  CUBLASLT("cublaslt", MatrixProducts::cublasLt);

  private final String id;
  private final Function<CudaDriver, MatrixProducts> opening;

  Multiplier(String id, Function<CudaDriver, MatrixProducts> opening) {
    this.id = id;
    this.opening = opening;
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
    return Optional.ofNullable(opening).map(open -> open.apply(driver));
  }
}
