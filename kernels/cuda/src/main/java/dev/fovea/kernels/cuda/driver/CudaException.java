package dev.fovea.kernels.cuda.driver;

/** The CUDA driver, or a library on top of it, has reported an error. */
public final class CudaException extends IllegalStateException {

  /**
   * Says what failed.
   *
   * @param message what was tried, what the driver said, and what to do
   */
  public CudaException(String message) {
    super(message);
  }

  /** The same with a cause. */
  public CudaException(String message, Throwable cause) {
    super(message, cause);
  }
}
