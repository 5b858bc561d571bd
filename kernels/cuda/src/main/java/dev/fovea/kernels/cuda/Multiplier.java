package dev.fovea.kernels.cuda;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Who multiplies matrices, as users choose it. */
enum Multiplier {
  /** Our own kernels, the fastest that the GPU can run. */
  AUTO("auto"),
  /** Our own kernels for all GPUs, fused with what stands around the product. */
  PTX("ptx"),
  /** Our own kernels for compute capability 9.0. */
  HOPPER("hopper"),
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
   * @throws IllegalArgumentException if there is none
   */
  static Multiplier named(String name) {
    return Arrays.stream(values())
        .filter(multiplier -> multiplier.id.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no kernels '%s' for CUDA; there are %s"
                        .formatted(
                            name,
                            Arrays.stream(values())
                                .map(multiplier -> multiplier.id)
                                .collect(Collectors.joining(", ")))));
  }
}
