package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;

/** A result in host memory, overwritten by every run of its plan. */
public interface HostBuffer {

  /** [images, rows, columns] native-order floats, as it was recorded. */
  MemorySegment host();
}
