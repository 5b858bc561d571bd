package dev.fovea.kernels.cuda.driver;

/** The CUDA driver, or a library on top of it, has reported an error. */
public final class CudaException extends IllegalStateException {

  /** What an error means for whoever uses the device. */
  public enum Kind {
    /** This call has failed; others may work. */
    FAILED,

    /** There is no GPU, or no driver for one: nothing is broken. */
    NO_DEVICE,

    /** There was too little memory for what was asked; what there is already stays usable. */
    OUT_OF_MEMORY,

    /** The context is broken, every later call fails as well: only closing works. */
    LOST
  }

  private final Kind kind;

  /**
   * Says what failed.
   *
   * @param message what was tried, what the driver said, and what to do
   */
  public CudaException(String message) {
    this(message, Kind.FAILED, null);
  }

  /** The same with a cause. */
  public CudaException(String message, Throwable cause) {
    this(message, Kind.FAILED, cause);
  }

  /** The same with what it means. */
  public CudaException(String message, Kind kind, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** What the error means. */
  public Kind kind() {
    return kind;
  }
}
