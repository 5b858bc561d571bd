package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/** The local memory of a warp's threads: arrays, spilled values, arguments of functions. */
final class LocalMemory {

  /** [lanes, size]. */
  final byte[] bytes;

  private final boolean[] written;
  private final int size;

  LocalMemory(int size) {
    this.size = size;
    bytes = new byte[size * Warp.LANES];
    written = new boolean[size * Warp.LANES];
  }

  void clear() {
    Arrays.fill(written, false);
  }

  int reading(Warp warp, int lane, long address, int bytesRead) {
    int index = index(warp, lane, address, bytesRead);
    for (int i = index; i < index + bytesRead; i++) {
      if (!written[i]) {
        throw warp.fault(
            lane, "reads local memory at 0x%x that it has not written".formatted(address));
      }
    }
    return index;
  }

  int writing(Warp warp, int lane, long address, int bytesWritten) {
    int index = index(warp, lane, address, bytesWritten);
    Arrays.fill(written, index, index + bytesWritten, true);
    return index;
  }

  private int index(Warp warp, int lane, long address, int length) {
    if ((address & (length - 1)) != 0) {
      throw warp.fault(
          lane, "%d bytes of local memory at 0x%x are misaligned".formatted(length, address));
    }
    if (address < 0 || address + length > size) {
      throw warp.fault(
          lane,
          "%d bytes of local memory at 0x%x are out of bounds: a thread has %d"
              .formatted(length, address, size));
    }
    return lane * size + (int) address;
  }
}
