package dev.fovea;

/** A checkpoint file is damaged, incomplete or not one that Fovea can run. */
public final class CheckpointException extends FoveaException {

  /** An exception with its message. */
  public CheckpointException(String message) {
    super(message);
  }

  /** An exception with its message and what led to it. */
  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
