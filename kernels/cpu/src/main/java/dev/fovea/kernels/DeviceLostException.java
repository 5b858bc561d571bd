package dev.fovea.kernels;

/**
 * A device has failed in a way that it does not recover from: a fault in a kernel, a driver that
 * was reset, hardware that has gone. Nothing that it was asked for before is known to be done, and
 * everything that it is asked for afterwards ends like this, too. Only closing still works, of the
 * device and of its plans and recorders.
 */
public final class DeviceLostException extends IllegalStateException {

  /**
   * Says what happened.
   *
   * @param message what the device was doing, what it reported, and what to do
   */
  public DeviceLostException(String message) {
    super(message);
  }

  /** The same with what led to it. */
  public DeviceLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
