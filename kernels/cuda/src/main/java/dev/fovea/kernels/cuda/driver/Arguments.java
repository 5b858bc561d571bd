package dev.fovea.kernels.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Writes the structure that a kernel takes, member by member in the order of its declaration in C:
 * every member is aligned to its own size, tensor maps to 64 bytes, and the whole to its members.
 */
public final class Arguments {

  private static final int MOST_BYTES = 512;

  private final MemorySegment segment;
  private long size;
  private long alignment = Long.BYTES;

  /** Starts a structure in memory of {@code arena}. */
  public Arguments(Arena arena) {
    segment = arena.allocate(MOST_BYTES, TensorMap.ALIGNMENT);
  }

  /** Adds a pointer to device memory. */
  public Arguments address(long value) {
    segment.set(ValueLayout.JAVA_LONG, place(Long.BYTES), value);
    return this;
  }

  /** Adds an int. */
  public Arguments number(int value) {
    segment.set(ValueLayout.JAVA_INT, place(Integer.BYTES), value);
    return this;
  }

  /** Adds a float. */
  public Arguments number(float value) {
    segment.set(ValueLayout.JAVA_FLOAT, place(Float.BYTES), value);
    return this;
  }

  /** Adds what {@link CudaDriver#encode} gave. */
  public Arguments tensorMap(byte[] encoded) {
    alignment = TensorMap.ALIGNMENT;
    long offset = (size + alignment - 1) & -alignment;
    size = offset + encoded.length;
    MemorySegment.copy(encoded, 0, segment, ValueLayout.JAVA_BYTE, offset, encoded.length);
    return this;
  }

  /** The finished structure. */
  public MemorySegment segment() {
    return segment.asSlice(0, (size + alignment - 1) & -alignment);
  }

  private long place(int bytes) {
    long offset = (size + bytes - 1) & -bytes;
    size = offset + bytes;
    return offset;
  }
}
