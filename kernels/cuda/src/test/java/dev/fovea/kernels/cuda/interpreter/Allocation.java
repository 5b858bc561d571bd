package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;
import java.util.function.IntPredicate;

/** A range of device memory, and which of its bytes have been written. */
final class Allocation {

  private static final int PAGE_SHIFT = 8;

  /** The bytes. */
  final byte[] bytes;

  private final long base;
  private final byte[] written;

  /** By page: the launch that has written to it last, 0 for the host. */
  private final int[] writers;

  Allocation(long base, int size) {
    this.base = base;
    bytes = new byte[size];
    written = new byte[size / Byte.SIZE + 2];
    writers = new int[(size >> PAGE_SHIFT) + 1];
  }

  long base() {
    return base;
  }

  int size() {
    return bytes.length;
  }

  boolean contains(long address, long size) {
    return address >= base && address + size <= base + bytes.length;
  }

  /** Index in {@link #bytes}. */
  int index(long address) {
    return (int) (address - base);
  }

  /**
   * True if all of these bytes have been written; they lie aligned to their number, which is 1, 2,
   * 4, 8 or 16.
   */
  boolean written(int index, int size) {
    int bits = written[index >>> 3] & 0xff;
    if (size < Byte.SIZE) {
      int mask = (1 << size) - 1;
      return (bits >>> (index & 7) & mask) == mask;
    }
    return bits == 0xff && (size == Byte.SIZE || written[(index >>> 3) + 1] == -1);
  }

  /** Marks bytes as written; aligned as above. */
  void write(int index, int size) {
    if (size < Byte.SIZE) {
      written[index >>> 3] |= (byte) (((1 << size) - 1) << (index & 7));
    } else {
      Arrays.fill(written, index >>> 3, (index + size) >>> 3, (byte) -1);
    }
  }

  /** Notes which launch has written. */
  void writtenBy(int launch, int index, int size) {
    for (int page = index >> PAGE_SHIFT; page <= (index + size - 1) >> PAGE_SHIFT; page++) {
      writers[page] = launch;
    }
  }

  /** True if one of the launches that the predicate holds for has written there last. */
  boolean anyWrittenBy(IntPredicate launches, int index, int size) {
    for (int page = index >> PAGE_SHIFT; page <= (index + size - 1) >> PAGE_SHIFT; page++) {
      if (launches.test(writers[page])) {
        return true;
      }
    }
    return false;
  }

  /** Marks any range as written by the host. */
  void writeRange(int index, int size) {
    writtenBy(0, index, size);
    int end = index + size;
    int at = index;
    while (at < end) {
      boolean whole = (at & 7) == 0 && end - at >= Byte.SIZE;
      int step = whole ? (end - at) & -Byte.SIZE : 1;
      write(at, step);
      at += step;
    }
  }

  /** The first byte of a range that has not been written, -1 if there is none. */
  int firstUnwritten(int index, int size) {
    for (int i = index; i < index + size; i++) {
      if ((i & 7) == 0 && index + size - i >= Byte.SIZE && written[i >>> 3] == -1) {
        i += Byte.SIZE - 1;
      } else if ((written[i >>> 3] >>> (i & 7) & 1) == 0) {
        return i;
      }
    }
    return -1;
  }
}
