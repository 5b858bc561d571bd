package dev.fovea.kernels.cuda.interpreter;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The bulk copies into the shared memory of a cluster that are on their way. They land when nobody
 * can go on without them, or at any time before that a seed decides.
 */
final class BulkCopies {

  /** Of so many chances to land a copy takes one. */
  private static final int CHANCES = 4;

  /** What a copy brings. */
  interface Source {

    /** Puts it to an index of an array. */
    void copy(byte[] target, int index);
  }

  private record Copy(
      SharedMemory target, int index, int size, Source source, MemoryBarrier barrier) {}

  private final List<Copy> copies = new ArrayList<>();

  /** Forgets the last cluster. */
  void clear() {
    copies.clear();
  }

  /**
   * Starts a copy.
   *
   * @param target address in the shared memory of the barrier's block
   * @param barrier counts the bytes that have landed
   */
  void start(Warp warp, int lane, long target, int size, Source source, MemoryBarrier barrier) {
    SharedMemory shared = barrier.home();
    int index = shared.bulkTarget(warp, lane, target, size, barrier.agent());
    copies.add(new Copy(shared, index, size, source, barrier));
  }

  /** Lets copies land by chance; true if one has. */
  boolean land(SplittableRandom chance) {
    boolean landed = false;
    for (int i = copies.size() - 1; chance != null && i >= 0; i--) {
      if (chance.nextInt(CHANCES) == 0) {
        land(copies.remove(i));
        landed = true;
      }
    }
    return landed;
  }

  /** Lets one copy land; false if there is none. */
  boolean landOldest() {
    if (copies.isEmpty()) {
      return false;
    }
    land(copies.removeFirst());
    return true;
  }

  private static void land(Copy copy) {
    copy.source.copy(copy.target.bytes, copy.index);
    copy.target.bulkLanded(copy.index, copy.size, copy.barrier.agent(), copy.barrier.phase() + 1);
    copy.barrier.landed(copy.size);
  }

  /** The last warp of a block has exited; no copy may come to the block any more. */
  void exited(Block block, Warp last) {
    for (Copy copy : copies) {
      if (copy.target.block() == block) {
        throw last.fault(
            0, "ends its block while a bulk copy of %s is on its way".formatted(copy.barrier));
      }
    }
  }
}
