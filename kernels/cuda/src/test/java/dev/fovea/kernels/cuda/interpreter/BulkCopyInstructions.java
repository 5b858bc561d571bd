package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Decoding.Location;
import java.util.Map;

/** {@code cp.async.bulk}: copies of whole ranges and boxes, and the waits for stores. */
final class BulkCopyInstructions {

  private static final int UNIT = 16;

  /** Where a swizzled box may begin: the swizzle's pattern is as long. */
  private static final int BOX_ALIGNMENT = 1024;

  private BulkCopyInstructions() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("cp.async.bulk", BulkCopyInstructions::decode);
  }

  private static Instruction decode(Decoding decoding) {
    decoding.asynchronous();
    if (decoding.take("commit_group")) {
      return new Commit();
    }
    if (decoding.take("wait_group")) {
      decoding.take("read");
      return new WaitForGroups((int) decoding.immediate(0));
    }
    if (decoding.take("prefetch")) {
      decoding.takeRest();
      return new NoOperation();
    }
    decoding.access(Space.SHARED, UNIT);
    Space target = decoding.takeSpace();
    Space source = decoding.takeSpace();
    if (target == Space.GLOBAL && source == Space.SHARED) {
      return new Store(decoding);
    }
    boolean toShared = target == Space.CLUSTER || target == Space.SHARED;
    if (!toShared || source != Space.GLOBAL || !decoding.take("mbarrier::complete_tx::bytes")) {
      throw decoding.refuse("its form is not known");
    }
    return decoding.take("tensor") ? new BoxLoad(decoding) : new Load(decoding);
  }

  /** A copy to shared memory, of one block or of several. */
  private abstract static class ToShared extends Instruction {
    private final Location target;
    private final Location barrier;
    private final int blocks;

    /**
     * Decodes what follows the source.
     *
     * @param barrierOperand number of the operand that is the barrier
     */
    ToShared(Decoding decoding, int barrierOperand) {
      target = decoding.location(0, Space.CLUSTER);
      barrier = decoding.location(barrierOperand, Space.CLUSTER);
      boolean multicast = decoding.take("multicast::cluster");
      blocks = multicast ? decoding.source(barrierOperand + 1) : -1;
      MemoryAccess.takePolicy(decoding, barrierOperand + (multicast ? 2 : 1));
    }

    final void start(Warp warp, int lane, int size, int alignment, BulkCopies.Source source) {
      long to = target.address(warp, lane);
      long counter = barrier.address(warp, lane);
      Cluster cluster = warp.block.cluster();
      if (to % alignment != 0 || size % UNIT != 0 || size <= 0) {
        throw warp.fault(
            lane,
            "copies %d bytes to shared memory at 0x%x, but a multiple of %d is needed, at a multiple of %d"
                .formatted(size, to, UNIT, alignment));
      }
      int rank = cluster.rank(warp, lane, to);
      if (rank != cluster.rank(warp, lane, counter)) {
        throw warp.fault(lane, "copies to another block than that of its barrier");
      }
      long mask = blocks < 0 ? 1L << rank : warp.registers[blocks + lane] & 0xffff;
      if (mask >>> cluster.blocks().length != 0) {
        throw warp.fault(
            lane,
            "copies to the blocks %x of a cluster of %d".formatted(mask, cluster.blocks().length));
      }
      for (long rest = mask; rest != 0; rest &= rest - 1) {
        int block = Long.numberOfTrailingZeros(rest);
        long its = Cluster.remote(Cluster.offset(counter), block);
        MemoryBarrier counts = MemoryBarrierInstructions.barrier(warp, lane, its, true);
        cluster.copies().start(warp, lane, Cluster.offset(to), size, source, counts);
      }
    }
  }

  /** {@code [target], [source], size, [barrier]}. */
  private static final class Load extends ToShared {
    private final Location source;
    private final int size;

    Load(Decoding decoding) {
      super(decoding, 3);
      source = decoding.location(1, Space.GLOBAL);
      size = decoding.source(2);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        int bytes = (int) warp.registers[size + lane];
        long from = source.address(warp, lane);
        Allocation allocation = source(warp, lane, from, bytes);
        int index = allocation.index(from);
        start(
            warp,
            lane,
            bytes,
            UNIT,
            (target, at) -> System.arraycopy(allocation.bytes, index, target, at, bytes));
      }
    }

    private static Allocation source(Warp warp, int lane, long address, int size) {
      GlobalMemory global = warp.block.globalMemory();
      Allocation allocation = global.find(address, size);
      if (allocation == null || address % UNIT != 0) {
        throw warp.fault(
            lane,
            allocation == null
                ? "copies from global memory: " + global.describe(address, size)
                : "copies from 0x%x, which is misaligned".formatted(address));
      }
      int index = allocation.index(address);
      if (allocation.firstUnwritten(index, size) >= 0) {
        throw warp.fault(
            lane,
            "copies %d bytes, %d bytes into an allocation of %d, that nobody has written"
                .formatted(size, index, allocation.size()));
      }
      warp.memory.checkOrder(lane, allocation, index, size);
      return allocation;
    }
  }

  /** {@code [target], [map, {column, row, image}], [barrier]}. */
  private static final class BoxLoad extends ToShared {
    private final int map;
    private final int[] coordinates;

    BoxLoad(Decoding decoding) {
      super(decoding, 2);
      if (!decoding.take("3d") || !(decoding.operand(1) instanceof Syntax.Box box)) {
        throw decoding.refuse("a box of anything but three dimensions is not known");
      }
      decoding.take("tile");
      map = decoding.source(box.map());
      coordinates = box.coordinates().stream().mapToInt(decoding::source).toArray();
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        TensorBoxes boxes = TensorBoxes.at(warp, lane, r[map + lane]);
        int column = (int) r[coordinates[0] + lane];
        int row = (int) r[coordinates[1] + lane];
        int image = (int) r[coordinates[2] + lane];
        boxes.check(warp, lane, column, row, image);
        start(warp, lane, boxes.bytes(), BOX_ALIGNMENT, boxes.box(column, row, image));
      }
    }
  }

  /** {@code [target], [source], size}. */
  private static final class Store extends Instruction {
    private final Location target;
    private final Location source;
    private final int size;

    Store(Decoding decoding) {
      if (!decoding.take("bulk_group")) {
        throw decoding.refuse("a store without bulk_group is not known");
      }
      target = decoding.location(0, Space.GLOBAL);
      source = decoding.location(1, Space.SHARED);
      size = decoding.source(2);
      MemoryAccess.takePolicy(decoding, 3);
    }

    @Override
    void execute(Warp warp, int lanes) {
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        long to = target.address(warp, lane);
        int bytes = (int) warp.registers[size + lane];
        if (to % UNIT != 0 || bytes % UNIT != 0 || bytes <= 0) {
          throw warp.fault(
              lane,
              "stores %d bytes to 0x%x, but multiples of %d are needed".formatted(bytes, to, UNIT));
        }
        warp.stores.start(lane, to, source.address(warp, lane), bytes);
      }
    }
  }

  private static final class Commit extends Instruction {
    @Override
    void execute(Warp warp, int lanes) {
      warp.stores.commit(lanes);
    }
  }

  private static final class WaitForGroups extends Instruction {
    private final int pending;

    WaitForGroups(int pending) {
      this.pending = pending;
    }

    @Override
    void execute(Warp warp, int lanes) {
      warp.stores.waitForGroups(lanes, pending);
    }
  }
}
