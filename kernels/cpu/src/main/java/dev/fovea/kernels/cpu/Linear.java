package dev.fovea.kernels.cpu;

/**
 * A linear layer's weight and bias in the layout of the {@link CpuKernels} that packed it; only
 * those can read it.
 */
public interface Linear {

  /** Memory held, in bytes. */
  long bytes();
}
