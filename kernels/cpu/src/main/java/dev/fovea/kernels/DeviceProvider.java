package dev.fovea.kernels;

/** Opens devices of one kind. Found by {@link java.util.ServiceLoader}. */
public interface DeviceProvider {

  /** The kind's name, as users write it: "cpu", "cuda". */
  String name();

  /**
   * What opening would give, or why it cannot be opened here and what to change: a few lines for
   * diagnosis, without side effects.
   */
  String diagnosis();

  /**
   * Opens a device.
   *
   * @throws IllegalArgumentException if the options name kernels that this device has not
   * @throws IllegalStateException if this machine cannot run it; the message says why and what to
   *     do
   */
  Device open(DeviceOptions options);
}
