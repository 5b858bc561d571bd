package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * The asynchronous copies of a warp's threads from global to shared memory. They land as late as a
 * GPU may let them land: in the wait that covers them.
 */
final class AsyncCopies {

  private final Warp warp;
  private Copy[] queue = new Copy[0];
  private int count;

  /** By lane: groups committed so far, which is the group that the next copy belongs to. */
  private final int[] committed = new int[Warp.LANES];

  AsyncCopies(Warp warp) {
    this.warp = warp;
  }

  void clear() {
    count = 0;
    Arrays.fill(committed, 0);
  }

  /**
   * Starts a copy.
   *
   * @param target shared address
   * @param source address in global memory
   * @param size bytes written, 4, 8 or 16
   * @param sourceBytes bytes read; the others are 0
   */
  void start(int lane, long target, long source, int size, int sourceBytes) {
    if ((source & (size - 1)) != 0) {
      throw warp.fault(
          lane, "copies %d bytes from 0x%x, which is misaligned".formatted(size, source));
    }
    checkSource(lane, source, sourceBytes);
    Copy copy = nextCopy();
    copy.lane = lane;
    copy.group = committed[lane];
    copy.target = warp.block.shared().pending(warp, lane, target, size);
    copy.source = source;
    copy.size = size;
    copy.sourceBytes = sourceBytes;
  }

  /** Closes the group of copies that these lanes have started. */
  void commit(int lanes) {
    for (int rest = lanes; rest != 0; rest &= rest - 1) {
      committed[Integer.numberOfTrailingZeros(rest)]++;
    }
  }

  /**
   * Lets the copies of these lanes land, but for those of the last groups and those in no group.
   *
   * @param pending how many groups may be on their way; -1 to let everything land
   */
  void waitForGroups(int lanes, int pending) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      Copy copy = queue[i];
      boolean covered = copy.group < committed[copy.lane] - pending;
      if (covered && (lanes >>> copy.lane & 1) != 0) {
        land(copy);
      } else {
        queue[i] = queue[kept];
        queue[kept++] = copy;
      }
    }
    count = kept;
    warp.block.changed();
  }

  private void land(Copy copy) {
    SharedMemory shared = warp.block.shared();
    shared.landed(warp, copy.lane, copy.target, copy.size);
    if (copy.sourceBytes > 0) {
      Allocation source = checkSource(copy.lane, copy.source, copy.sourceBytes);
      System.arraycopy(
          source.bytes, source.index(copy.source), shared.bytes, copy.target, copy.sourceBytes);
    }
    Arrays.fill(shared.bytes, copy.target + copy.sourceBytes, copy.target + copy.size, (byte) 0);
  }

  private Allocation checkSource(int lane, long source, int size) {
    if (size == 0) {
      return null;
    }
    GlobalMemory global = warp.block.globalMemory();
    Allocation allocation = global.find(source, size);
    if (allocation == null) {
      throw warp.fault(lane, "copies from global memory: " + global.describe(source, size));
    }
    int index = allocation.index(source);
    if (allocation.firstUnwritten(index, size) >= 0) {
      throw warp.fault(
          lane,
          "copies %d bytes of global memory at 0x%x, %d bytes into an allocation of %d, that nobody has written"
              .formatted(size, source, index, allocation.size()));
    }
    warp.memory.checkOrder(lane, allocation, index, size);
    return allocation;
  }

  private Copy nextCopy() {
    if (count == queue.length) {
      queue = Arrays.copyOf(queue, Math.max(256, 2 * count));
      for (int i = count; i < queue.length; i++) {
        queue[i] = new Copy();
      }
    }
    return queue[count++];
  }

  /** Used again when it has landed. */
  private static final class Copy {
    private int lane;
    private int group;
    private int target;
    private long source;
    private int size;
    private int sourceBytes;
  }
}
