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

  /**
   * Has the just-in-time compiler compile what computes on a device that is opened like this,
   * before there is anything to compute. Returns when that is done, or when the thread is
   * interrupted. Devices whose kernels are compiled otherwise have nothing to do.
   *
   * @throws IllegalArgumentException as {@link #open}
   * @throws IllegalStateException as {@link #open}
   */
  default void rehearse(DeviceOptions options) {}
}
