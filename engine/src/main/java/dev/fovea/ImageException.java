package dev.fovea;

/** An image is damaged, too large, or of a kind that no decoder here reads. */
public final class ImageException extends FoveaException {

  /** An exception with its message. */
  public ImageException(String message) {
    super(message);
  }

  /** An exception with its message and what led to it. */
  public ImageException(String message, Throwable cause) {
    super(message, cause);
  }
}
