package dev.fovea;

/**
 * Something outside the program's control is not as it must be: a file, an image, a server. The
 * message says what was expected, what came and what to do.
 *
 * <p>Mistakes in the calling code are the usual unchecked exceptions instead: {@link
 * NullPointerException}, {@link IllegalArgumentException}, and {@link IllegalStateException} for
 * use after close.
 */
public class FoveaException extends RuntimeException {

  /** An exception with its message. */
  public FoveaException(String message) {
    super(message);
  }

  /** An exception with its message and what led to it. */
  public FoveaException(String message, Throwable cause) {
    super(message, cause);
  }
}
