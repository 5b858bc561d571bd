package dev.fovea.kernels.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Writes the structure that a kernel takes, member by member in the order of its declaration in C:
 * every member is aligned to its own size, and the whole to 8 bytes.
 */
public final class Arguments {

  private static final int MOST_BYTES = 512;

  private final MemorySegment segment;
  private long size;

  /** Starts a structure in memory of {@code arena}. */
  public Arguments(Arena arena) {
    segment = arena.allocate(MOST_BYTES, Long.BYTES);
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

  /** The finished structure. */
  public MemorySegment segment() {
    return segment.asSlice(0, (size + Long.BYTES - 1) & -Long.BYTES);
  }

  private long place(int bytes) {
    long offset = (size + bytes - 1) & -bytes;
    size = offset + bytes;
    return offset;
  }
}
