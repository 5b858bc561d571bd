package dev.fovea;

import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.WeightStorage;
import java.util.Objects;

/**
 * How a model is opened. Start from {@link #DEFAULT} and change what you need.
 *
 * @param device kind of device, by its provider's name: "cpu"; "cuda" for an NVIDIA GPU, if
 *     dev.fovea:fovea-kernels-cuda is there; "auto" for a GPU if one can be used and holds the
 *     model, else the CPU, also where it is lost later
 * @param kernels which of the device's kernels: "auto" for the best that run here; on the CPU
 *     "scalar" or "vector"; on CUDA who multiplies matrices: "ptx", "hopper", "cublas" or
 *     "cublaslt". With the device "auto", only devices that know the name are used
 * @param threads threads that compute, the caller's included; 0 for one per available processor.
 *     Where a GPU computes, they only pack weights
 * @param storage how packed weights are kept in memory. On a CPU arithmetic is float32 in every
 *     case. A GPU multiplies in 16 bits, in bfloat16 with BF16 and in half precision otherwise, and
 *     sums up in float32; see {@link WeightStorage}
 * @param pooling what {@link Fovea#embed} returns
 * @param normalize whether {@link Fovea#embed} divides by the L2 norm
 * @param preprocessing replaces the checkpoint's own; null keeps that
 * @param positionPolicy replaces the one that follows from the checkpoint's origin; null keeps that
 * @param progress told about downloads
 * @param backgroundWarmUp whether {@link Fovea#open} starts {@link Fovea#warmUp} on a thread of its
 *     own and returns
 * @param registers what stands in the place of registers where a request does not say; null for
 *     what the checkpoint says, which is as trained unless something was baked into it
 */
public record Options(
    String device,
    String kernels,
    int threads,
    WeightStorage storage,
    Pooling pooling,
    boolean normalize,
    Preprocessing preprocessing,
    PositionPolicy positionPolicy,
    ProgressListener progress,
    boolean backgroundWarmUp,
    Registers registers) {

  /** CPU, best kernels, all processors, float32 weights, the plain CLS token. */
  public static final Options DEFAULT =
      new Options(
          "cpu",
          "auto",
          0,
          WeightStorage.F32,
          Pooling.CLS,
          false,
          null,
          null,
          ProgressListener.NONE,
          false,
          null);

  /** Checks the ranges. */
  public Options {
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(kernels, "kernels");
    Objects.requireNonNull(storage, "storage");
    Objects.requireNonNull(pooling, "pooling");
    Objects.requireNonNull(progress, "progress");
    if (threads < 0) {
      throw new IllegalArgumentException("threads must be positive, or 0 for all; got " + threads);
    }
  }

  /** The same on another device: "cpu", "cuda" or "auto". */
  public Options withDevice(String value) {
    return new Options(
        value,
        kernels,
        threads,
        storage,
        pooling,
        normalize,
        preprocessing,
        positionPolicy,
        progress,
        backgroundWarmUp,
        registers);
  }

  /** The same with other kernels. */
  public Options withKernels(String value) {
    return new Options(
        device,
        value,
        threads,
        storage,
        pooling,
        normalize,
        preprocessing,
        positionPolicy,
        progress,
        backgroundWarmUp,
        registers);
  }

  /** The same with another number of threads. */
  public Options withThreads(int value) {
    return new Options(
        device,
        kernels,
        value,
        storage,
        pooling,
        normalize,
        preprocessing,
        positionPolicy,
        progress,
        backgroundWarmUp,
        registers);
  }

  /** The same with weights kept in another precision. */
  public Options withStorage(WeightStorage value) {
    return new Options(
        device,
        kernels,
        threads,
        value,
        pooling,
        normalize,
        preprocessing,
        positionPolicy,
        progress,
        backgroundWarmUp,
        registers);
  }

  /** The same with another embedding. */
  public Options withPooling(Pooling newPooling, boolean newNormalize) {
    return new Options(
        device,
        kernels,
        threads,
        storage,
        newPooling,
        newNormalize,
        preprocessing,
        positionPolicy,
        progress,
        backgroundWarmUp,
        registers);
  }

  /** The same with another preprocessing. */
  public Options withPreprocessing(Preprocessing value) {
    return new Options(
        device,
        kernels,
        threads,
        storage,
        pooling,
        normalize,
        value,
        positionPolicy,
        progress,
        backgroundWarmUp,
        registers);
  }

  /** The same with another position policy. */
  public Options withPositionPolicy(PositionPolicy value) {
    return new Options(
        device,
        kernels,
        threads,
        storage,
        pooling,
        normalize,
        preprocessing,
        value,
        progress,
        backgroundWarmUp,
        registers);
  }

  /** The same with a listener for downloads. */
  public Options withProgress(ProgressListener value) {
    return new Options(
        device,
        kernels,
        threads,
        storage,
        pooling,
        normalize,
        preprocessing,
        positionPolicy,
        value,
        backgroundWarmUp,
        registers);
  }

  /** The same with or without a warm-up that goes on after {@link Fovea#open} has returned. */
  public Options withBackgroundWarmUp(boolean value) {
    return new Options(
        device,
        kernels,
        threads,
        storage,
        pooling,
        normalize,
        preprocessing,
        positionPolicy,
        progress,
        value,
        registers);
  }

  /** The same with something else in the place of registers. */
  public Options withRegisters(Registers value) {
    return new Options(
        device,
        kernels,
        threads,
        storage,
        pooling,
        normalize,
        preprocessing,
        positionPolicy,
        progress,
        backgroundWarmUp,
        value);
  }
}
