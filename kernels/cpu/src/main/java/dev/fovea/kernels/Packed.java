package dev.fovea.kernels;

/**
 * Weights in a device's own layout: read-only, shared by all plans, valid only on the device that
 * packed them.
 *
 * @param <W> the weights that went in
 */
public interface Packed<W> {

  /** Memory held, in bytes. */
  long bytes();
}
