package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** The device memory of one plan, all freed together. Used on the CUDA thread only. */
final class PlanMemory implements AutoCloseable {

  private final CudaDriver driver;
  private final List<Long> allocations = new ArrayList<>();
  private long bytes;
  private long scratch;
  private long scratchBytes;
  private long counters;
  private int counterCount;

  PlanMemory(CudaDriver driver) {
    this.driver = driver;
  }

  /** Bytes allocated. */
  long bytes() {
    return bytes;
  }

  /** Memory with undefined contents. */
  long allocate(long size) {
    long address = driver.allocate(size);
    allocations.add(address);
    bytes += size;
    return address;
  }

  /** Memory of zeros. */
  long zeroed(long size) {
    long address = allocate(size);
    driver.fill(address, (byte) 0, size);
    return address;
  }

  /** A copy of these numbers. */
  long upload(float[] numbers) {
    try (Arena arena = Arena.ofConfined()) {
      return upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, numbers));
    }
  }

  /** A copy of these numbers. */
  long upload(int[] numbers) {
    try (Arena arena = Arena.ofConfined()) {
      return upload(arena.allocateFrom(ValueLayout.JAVA_INT, numbers));
    }
  }

  /** A copy of these 16-bit numbers. */
  long upload(short[] numbers) {
    try (Arena arena = Arena.ofConfined()) {
      return upload(arena.allocateFrom(ValueLayout.JAVA_SHORT, numbers));
    }
  }

  /** Numbers from the device, when all that was asked of it before is done. */
  float[] download(long address, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(ValueLayout.JAVA_FLOAT, count);
      driver.copyToHost(target, address);
      driver.synchronize();
      return target.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private long upload(MemorySegment source) {
    long address = allocate(source.byteSize());
    driver.copyToDevice(address, source);
    return address;
  }

  /**
   * Memory that only one step uses: all steps share it, since they run one after another. Contents
   * undefined.
   */
  long scratch(long size) {
    if (size > scratchBytes) {
      scratch = allocate(size);
      scratchBytes = size;
    }
    return scratch;
  }

  /** Counters that are 0, and that every step leaves at 0; all steps share them. */
  long counters(int count) {
    if (count > counterCount) {
      counters = zeroed((long) Integer.BYTES * count);
      counterCount = count;
    }
    return counters;
  }

  @Override
  public void close() {
    allocations.forEach(driver::free);
    allocations.clear();
    bytes = 0;
  }
}
