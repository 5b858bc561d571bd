package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Host memory that a device can reach by itself; here, any native memory that was asked for as
 * such.
 */
final class PinnedMemory implements AutoCloseable {

  private record Pinned(Arena arena, MemorySegment segment) {}

  private final Map<Long, Pinned> byAddress = new HashMap<>();

  MemorySegment allocate(long bytes) {
    Arena arena = Arena.ofShared();
    MemorySegment segment = arena.allocate(bytes, Long.BYTES);
    byAddress.put(segment.address(), new Pinned(arena, segment));
    return segment;
  }

  void free(MemorySegment segment) {
    Pinned freed = byAddress.remove(segment.address());
    if (freed == null) {
      throw new CudaException("the memory at 0x%x is not pinned".formatted(segment.address()));
    }
    freed.arena().close();
  }

  /** True if all of a segment is pinned. */
  boolean contains(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new CudaException("only native memory can be copied, but this is on the heap");
    }
    long first = segment.address();
    long end = first + segment.byteSize();
    return segments().anyMatch(p -> first >= p.address() && end <= p.address() + p.byteSize());
  }

  Stream<MemorySegment> segments() {
    return byAddress.values().stream().map(Pinned::segment);
  }

  @Override
  public void close() {
    byAddress.values().forEach(pinned -> pinned.arena().close());
    byAddress.clear();
  }
}
