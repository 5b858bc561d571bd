package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Pixels;
import java.lang.foreign.MemorySegment;

/** The images that a plan reads: pinned host memory and, once the plan is built, a copy of it. */
final class GpuPixels implements Pixels {

  private final CudaRecorder owner;
  private final int images;
  private final int height;
  private final int width;
  private final float[] lookup;
  private final MemorySegment host;
  private long device;

  /**
   * Declares images.
   *
   * @param lookup [3, 256] for RGB bytes, null for float planes
   */
  GpuPixels(
      CudaRecorder owner, int images, int height, int width, float[] lookup, MemorySegment host) {
    this.owner = owner;
    this.images = images;
    this.height = height;
    this.width = width;
    this.lookup = lookup;
    this.host = host;
  }

  CudaRecorder owner() {
    return owner;
  }

  int images() {
    return images;
  }

  int height() {
    return height;
  }

  int width() {
    return width;
  }

  /** [3, 256]: the normalised value of every sample of every channel; null for float planes. */
  float[] lookup() {
    return lookup;
  }

  @Override
  public MemorySegment host() {
    return host;
  }

  /** Address of [images, height, width, 3] bytes or [images, 3, height, width] floats. */
  long device() {
    return device;
  }

  void allocate(PlanMemory memory) {
    device = memory.allocate(host.byteSize());
  }
}
