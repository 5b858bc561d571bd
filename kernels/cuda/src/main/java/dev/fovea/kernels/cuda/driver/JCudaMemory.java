package dev.fovea.kernels.cuda.driver;

import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import dev.fovea.kernels.cuda.driver.Handles.DeviceAddress;
import dev.fovea.kernels.cuda.driver.Handles.HostAddress;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * What was allocated in a context, on the device and page-locked on the host. The context may
 * outlive its user, so all of it is given back one by one.
 */
final class JCudaMemory implements AutoCloseable {

  private final JCudaContext context;
  private final Set<Long> allocations = new HashSet<>();
  private final List<Pinned> pinned = new ArrayList<>();

  /** Page-locked memory; the arena lets nobody use it after it was freed. */
  private record Pinned(HostAddress address, MemorySegment segment, Arena life) {

    boolean contains(MemorySegment other) {
      long offset = other.address() - segment.address();
      return offset >= 0 && offset <= segment.byteSize() - other.byteSize();
    }
  }

  JCudaMemory(JCudaContext context) {
    this.context = context;
  }

  long allocate(long bytes) {
    requirePositive(bytes);
    DeviceAddress address = new DeviceAddress();
    int result = JCudaDriver.cuMemAlloc(address, bytes);
    if (result != 0) {
      context.check(
          result,
          "allocating %,d bytes on %s%s".formatted(bytes, context.facts().name(), free(result)));
    }
    allocations.add(address.value());
    return address.value();
  }

  /** How much memory is free, where there is too little. */
  private static String free(int result) {
    long[] free = new long[1];
    long[] total = new long[1];
    return result == CUresult.CUDA_ERROR_OUT_OF_MEMORY && JCudaDriver.cuMemGetInfo(free, total) == 0
        ? " (%,d of %,d are free)".formatted(free[0], total[0])
        : "";
  }

  void free(long address) {
    if (!allocations.remove(address)) {
      throw new IllegalArgumentException(
          "0x%x was not allocated by this driver, or is freed already".formatted(address));
    }
    context.checkRelease(JCudaDriver.cuMemFree(Handles.device(address)), "freeing memory");
  }

  @SuppressWarnings("restricted") // The driver says where the memory is.
  MemorySegment allocatePinned(long bytes) {
    requirePositive(bytes);
    if (bytes > Integer.MAX_VALUE) { // JCuda makes a ByteBuffer of it.
      throw new CudaException(
          "page-locked memory comes in pieces of less than 2 GiB, %,d bytes were asked for; use"
                  .formatted(bytes)
              + " smaller batches",
          Kind.OUT_OF_MEMORY,
          null);
    }
    HostAddress address = new HostAddress();
    int result = JCudaDriver.cuMemHostAlloc(address, bytes, 0);
    if (result != 0) {
      context.check(result, "allocating %,d bytes of page-locked host memory".formatted(bytes));
    }
    Arena life = Arena.ofShared();
    MemorySegment segment =
        MemorySegment.ofAddress(address.value()).reinterpret(bytes, life, null).fill((byte) 0);
    pinned.add(new Pinned(address, segment, life));
    return segment;
  }

  void freePinned(MemorySegment segment) {
    Pinned memory =
        pinned.stream()
            .filter(candidate -> candidate.segment().address() == segment.address())
            .findAny()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        segment + " was not allocated by this driver, or is freed already"));
    pinned.remove(memory);
    context.checkRelease(release(memory), "freeing page-locked memory");
  }

  private static int release(Pinned memory) {
    memory.life().close();
    return JCudaDriver.cuMemFreeHost(memory.address());
  }

  /** Whether all of the segment lies in page-locked memory of this driver. */
  boolean isPinned(MemorySegment segment) {
    return pinned.stream().anyMatch(memory -> memory.contains(segment));
  }

  private static void requirePositive(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("an allocation has 1 byte or more, not " + bytes);
    }
  }

  /** Frees everything; looks at no result, since a lost context gives none that is of use. */
  @Override
  public void close() {
    allocations.forEach(address -> JCudaDriver.cuMemFree(Handles.device(address)));
    allocations.clear();
    pinned.forEach(JCudaMemory::release);
    pinned.clear();
  }
}
