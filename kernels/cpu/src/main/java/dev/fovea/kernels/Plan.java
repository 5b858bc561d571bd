package dev.fovea.kernels;

/**
 * A recorded forward pass with its own activations, replayed for every request. After the first few
 * runs nothing is allocated.
 */
public interface Plan extends AutoCloseable {

  /**
   * Reads the pixels, computes, and fills every {@link HostBuffer}. Not re-entrant: one run at a
   * time per device.
   */
  void run();

  /** Memory held for activations and host buffers, in bytes. */
  long bytes();

  /** Frees the activations, also on a lost device. Idempotent. */
  @Override
  void close();
}
