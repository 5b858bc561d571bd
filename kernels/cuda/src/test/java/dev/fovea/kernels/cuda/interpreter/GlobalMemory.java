package dev.fovea.kernels.cuda.interpreter;

import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;

/**
 * Device memory. Addresses are never used twice and allocations have gaps between them, so that an
 * address that is wrong by a little, or that was right once, is found out.
 */
final class GlobalMemory {

  /** Above all small numbers, below the windows of the other spaces. */
  private static final long FIRST_ADDRESS = 0x1_0000_0000L;

  private static final long ALIGNMENT = 256;

  /** Bytes between two allocations, at least. */
  private static final long RED_ZONE = 4096;

  private final TreeMap<Long, Allocation> allocations = new TreeMap<>();
  private final TreeMap<Long, Long> freed = new TreeMap<>();
  private long next = FIRST_ADDRESS;
  private Allocation last = new Allocation(0, 0);

  /** New memory, none of it written. */
  Allocation allocate(int size) {
    Allocation allocation = new Allocation(next, size);
    allocations.put(next, allocation);
    next += (size + RED_ZONE + ALIGNMENT - 1) & -ALIGNMENT;
    return allocation;
  }

  /** Frees; false if nothing starts at that address. */
  boolean free(long address) {
    Allocation allocation = allocations.remove(address);
    if (allocation == null) {
      return false;
    }
    freed.put(address, (long) allocation.size());
    if (last == allocation) {
      last = new Allocation(0, 0);
    }
    return true;
  }

  Collection<Allocation> allocations() {
    return allocations.values();
  }

  /** The allocation that holds these bytes, null if none holds all of them. */
  Allocation find(long address, long size) {
    Allocation candidate = last;
    if (candidate.contains(address, size)) {
      return candidate;
    }
    Map.Entry<Long, Allocation> below = allocations.floorEntry(address);
    if (below == null || !below.getValue().contains(address, size)) {
      return null;
    }
    last = below.getValue();
    return last;
  }

  /** What is wrong with an address that is in no allocation. */
  String describe(long address, long size) {
    String access = "%d bytes at 0x%x are out of bounds: ".formatted(size, address);
    Map.Entry<Long, Long> old = freed.floorEntry(address);
    if (old != null && address < old.getKey() + old.getValue()) {
      return access + "their allocation of " + old.getValue() + " bytes has been freed";
    }
    Map.Entry<Long, Allocation> below = allocations.floorEntry(address);
    if (below != null) {
      Allocation allocation = below.getValue();
      long distance = address - allocation.base();
      if (distance < allocation.size() + RED_ZONE) {
        return access
            + "they start %d bytes into an allocation of %d bytes"
                .formatted(distance, allocation.size());
      }
    }
    Map.Entry<Long, Allocation> above = allocations.higherEntry(address);
    if (above != null && above.getKey() - address <= RED_ZONE) {
      return access
          + "they start %d bytes before an allocation of %d bytes"
              .formatted(above.getKey() - address, above.getValue().size());
    }
    return access + "no allocation is near";
  }
}
