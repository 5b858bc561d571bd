package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;

/** The images that a plan reads, in host memory that the caller fills before every run. */
public interface Pixels {

  /**
   * Where the caller writes: [images, height, width, 3] bytes (RGB) or [images, 3, height, width]
   * native-order floats, as it was recorded.
   */
  MemorySegment host();
}
