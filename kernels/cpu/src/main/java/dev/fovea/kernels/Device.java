package dev.fovea.kernels;

import java.util.function.IntConsumer;

/**
 * One place where the verbs run: it packs weights into its own layout, records plans and owns the
 * threads (or the stream) that replay them.
 *
 * <p>Packing and recording may be called from any thread. Plans of one device share its threads, so
 * the caller runs one plan at a time.
 *
 * <p>Where packing or recording finds too little memory, the device's own included, it throws an
 * {@link OutOfMemoryError} that says how much was asked for; what there is already stays usable.
 * Whatever uses a device may throw a {@link DeviceLostException}.
 */
public interface Device extends AutoCloseable {

  /** What this device is, in one line for logs and diagnosis: provider, vector width, threads. */
  String description();

  /**
   * Most tokens that images should share a plan for: with so many, the device is busy, and more
   * would only make everybody wait longer. A single image may have more.
   */
  int batchTokens();

  /**
   * Whether plans run somewhere else than on this machine's processors, which can do other work
   * meanwhile.
   */
  default boolean leavesProcessorsIdle() {
    return false;
  }

  /**
   * Checks that attention can have such heads, before anything is packed for it.
   *
   * @param width channels of all heads together
   * @throws IllegalStateException if this device has no kernels for them; the message says for
   *     which it has, and what to do
   */
  default void checkHeads(int width, int heads) {}

  /** Packs the patch projection. The arrays are copied; the caller may drop them. */
  Packed<PatchEmbedWeights> pack(PatchEmbedWeights weights);

  /** Packs a LayerNorm and the linear layer behind it. */
  Packed<NormLinearWeights> pack(NormLinearWeights weights);

  /** Packs a linear layer whose result is scaled and added to the residual stream. */
  Packed<LinearAddWeights> pack(LinearAddWeights weights);

  /** Packs a lone LayerNorm. */
  Packed<NormWeights> pack(NormWeights weights);

  /**
   * Does work that belongs to the device, such as packing, on all its threads, the caller's
   * included. Returns when every piece is done, and throws what the first failing one threw. Not
   * while a plan runs.
   *
   * @param count pieces, which are done in any order
   * @param piece gets the numbers from 0 to {@code count - 1}, several at the same time
   */
  void forAll(int count, IntConsumer piece);

  /** Starts a new plan. */
  Recorder record();

  /**
   * Stops the threads and frees device memory. Idempotent; plans must not run any more. A lost
   * device is closed without an exception.
   */
  @Override
  void close();
}
