package dev.fovea;

/** A model could not be found in the local cache or fetched from the hub. */
public final class HubException extends FoveaException {

  /** An exception with its message. */
  public HubException(String message) {
    super(message);
  }

  /** An exception with its message and what led to it. */
  public HubException(String message, Throwable cause) {
    super(message, cause);
  }
}
