package dev.fovea.kernels.cuda.interpreter;

/**
 * The memory that a warp sees: finds the bytes behind an address, and checks that they may be
 * accessed.
 */
final class Memory {

  /** The array in which the bytes of the last access are. */
  byte[] bytes;

  private final Warp warp;
  private final GlobalMemory global;
  private final LocalMemory local;
  private SharedMemory shared;
  private byte[] parameters;
  private LaunchOrder order;

  Memory(Warp warp) {
    this.warp = warp;
    global = warp.block.globalMemory();
    local = new LocalMemory(warp.block.kernel().localBytes());
  }

  /** Forgets the last block. */
  void clear() {
    shared = warp.block.shared();
    parameters = warp.block.grid().parameters();
    order = warp.block.grid().order();
    local.clear();
  }

  /** Index in {@link #bytes} of what is read. */
  int reading(Space space, int lane, long address, int size, boolean strong) {
    return switch (space) {
      case GLOBAL, CONST -> readingGlobal(lane, address, size);
      case SHARED -> {
        bytes = shared.bytes;
        yield shared.reading(warp, lane, address, size, strong);
      }
      case CLUSTER -> {
        SharedMemory home = warp.block.cluster().blockOf(warp, lane, address).shared();
        bytes = home.bytes;
        yield home.reading(warp, lane, Cluster.offset(address), size, strong);
      }
      case LOCAL -> {
        bytes = local.bytes;
        yield local.reading(warp, lane, address, size);
      }
      case PARAM -> {
        bytes = parameters;
        yield parameter(lane, address, size);
      }
      case GENERIC -> {
        Space actual = Space.of(address);
        yield reading(actual, lane, address - actual.window(), size, strong);
      }
    };
  }

  /** Index in {@link #bytes} of what is written. */
  int writing(Space space, int lane, long address, int size, boolean strong) {
    return switch (space) {
      case GLOBAL -> writingGlobal(lane, address, size);
      case SHARED -> {
        bytes = shared.bytes;
        yield shared.writing(warp, lane, address, size, strong);
      }
      case CLUSTER -> {
        SharedMemory home = warp.block.cluster().blockOf(warp, lane, address).shared();
        bytes = home.bytes;
        yield home.writing(warp, lane, Cluster.offset(address), size, strong);
      }
      case LOCAL -> {
        bytes = local.bytes;
        yield local.writing(warp, lane, address, size);
      }
      case PARAM, CONST -> throw warp.fault(lane, "writes to the " + space + " space");
      case GENERIC -> {
        Space actual = Space.of(address);
        yield writing(actual, lane, address - actual.window(), size, strong);
      }
    };
  }

  private int readingGlobal(int lane, long address, int size) {
    Allocation allocation = global.find(address, size);
    if (allocation == null || (address & (size - 1)) != 0) {
      throw inaccessible("reads", lane, address, size);
    }
    int index = allocation.index(address);
    if (!allocation.written(index, size)) {
      throw unwritten(lane, address, size, allocation);
    }
    checkOrder(lane, allocation, index, size);
    bytes = allocation.bytes;
    return index;
  }

  private int writingGlobal(int lane, long address, int size) {
    Allocation allocation = global.find(address, size);
    if (allocation == null || (address & (size - 1)) != 0) {
      throw inaccessible("writes", lane, address, size);
    }
    int index = allocation.index(address);
    allocation.write(index, size);
    noteWrite(lane, allocation, index, size);
    bytes = allocation.bytes;
    return index;
  }

  /** Throws if a grid that is read from may not have ended. */
  void checkOrder(int lane, Allocation allocation, int index, int size) {
    if (!order.isEarly() || warp.knowsEarlierGrids()) {
      return;
    }
    if (allocation.anyWrittenBy(order::isUnfinished, index, size)) {
      throw warp.fault(
          lane,
          "reads %d bytes of global memory, %d bytes into an allocation of %d, that a kernel in front has written, which may not have ended: there is no griddepcontrol.wait"
              .formatted(size, index, allocation.size()));
    }
  }

  /** Notes who has written, and throws if a grid that reads it may not have ended. */
  void noteWrite(int lane, Allocation allocation, int index, int size) {
    allocation.writtenBy(order.number(), index, size);
    if (order.isEarly() && !warp.knowsEarlierGrids()) {
      throw warp.fault(
          lane,
          "writes %d bytes of global memory, %d bytes into an allocation of %d, while a kernel in front may not have ended: there is no griddepcontrol.wait"
              .formatted(size, index, allocation.size()));
    }
  }

  private KernelFault inaccessible(String verb, int lane, long address, int size) {
    return warp.fault(
        lane,
        global.find(address, size) == null
            ? verb + " global memory: " + global.describe(address, size)
            : "%s %d bytes of global memory at 0x%x, which is misaligned"
                .formatted(verb, size, address));
  }

  private KernelFault unwritten(int lane, long address, int size, Allocation allocation) {
    return warp.fault(
        lane,
        "reads %d bytes of global memory at 0x%x, %d bytes into an allocation of %d, that nobody has written"
            .formatted(size, address, allocation.index(address), allocation.size()));
  }

  private int parameter(int lane, long address, int size) {
    if (address < 0 || address + size > parameters.length || (address & (size - 1)) != 0) {
      throw warp.fault(
          lane,
          "%d bytes at 0x%x of the parameters are misaligned or out of bounds: there are %d"
              .formatted(size, address, parameters.length));
    }
    return (int) address;
  }
}
