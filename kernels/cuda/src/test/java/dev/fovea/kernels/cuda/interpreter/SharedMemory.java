package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;

/**
 * The shared memory of a block, and what has happened to each of its units: who wrote it last, who
 * has read it since. A unit is as large as the smallest access in the kernel, so that neighbours
 * are told apart.
 *
 * <p>A read has to happen after the write that it sees, and a write after the accesses before it:
 * because a barrier lies between them, or because the same thread does both. Within a warp, {@code
 * bar.warp.sync} separates writes from what other lanes do; that a lane overwrites what another
 * lane of its warp has read is not noticed.
 */
final class SharedMemory {

  /** Where variables of fixed size start; 0 is no address of anything. */
  static final int STATIC_BASE = 0x400;

  /** Where memory starts whose size is given at the launch. */
  static final int DYNAMIC_BASE = 0x10000;

  /** A stamp's bit for an asynchronous copy that has not been waited for. */
  private static final int PENDING = 1 << 31;

  /**
   * A stamp's bit for atomic, volatile, release and acquire accesses, which may meet each other.
   */
  private static final int STRONG = 1 << 30;

  /** For reads: no thread in particular. */
  private static final int ANY_LANE = -1;

  private static final int THREAD_BITS = 10;
  private static final int MOST_EPOCHS = 1 << 20;

  /** The bytes, by address. */
  final byte[] bytes;

  private final int staticEnd;
  private final int dynamicEnd;
  private final int unitShift;
  private final int warps;
  private final Kernel kernel;

  /** By unit: 0 if never written, else epoch and thread of the last writer, with the bits above. */
  private final int[] writers;

  /**
   * By unit: the warps that have read it since, a bit each. Strong reads are not noted: one that
   * meets a plain write sees it sooner or later, and is found out then.
   */
  private final int[] readers;

  /** By unit and warp: the epoch of the last read. */
  private final int[] readEpochs;

  /** By unit: true where a variable lies. Gaps are no smaller than an access, so its ends tell. */
  private final boolean[] exists;

  SharedMemory(Kernel kernel, int dynamicBytes, int warps) {
    this.kernel = kernel;
    this.warps = warps;
    staticEnd = kernel.staticSharedEnd();
    dynamicEnd = DYNAMIC_BASE + dynamicBytes;
    unitShift = Integer.numberOfTrailingZeros(kernel.smallestSharedAccess());
    int end = dynamicBytes == 0 ? staticEnd : dynamicEnd;
    bytes = new byte[end];
    int units = (end >> unitShift) + 1;
    writers = new int[units];
    readers = new int[units];
    readEpochs = new int[units * warps];
    exists = new boolean[units];
    for (Kernel.SharedVariable variable : kernel.staticShared()) {
      addVariable(variable.address(), variable.bytes());
    }
    if (dynamicBytes > 0) {
      addVariable(DYNAMIC_BASE, dynamicBytes);
    }
  }

  private void addVariable(int address, int size) {
    Arrays.fill(exists, address >> unitShift, (address + size) >> unitShift, true);
  }

  /** Forgets everything, for the next block. */
  void clear() {
    Arrays.fill(writers, 0);
    Arrays.fill(readers, 0);
  }

  /** Notes a read and gives the index of its first byte. */
  int reading(Warp warp, int lane, long address, int size, boolean strong) {
    return reading(warp, lane, warp.index * Warp.LANES + lane, address, size, strong);
  }

  private int reading(Warp warp, int lane, int reader, long address, int size, boolean strong) {
    int index = inBounds(warp, lane, address, size);
    int readEpoch = warp.synchronization.epoch();
    int bit = 1 << warp.index;
    int end = (index + size) >> unitShift;
    for (int unit = index >> unitShift; unit < end; unit++) {
      int stamp = writers[unit];
      if (stamp <= 0 || !ordered(warp, reader, stamp)) {
        checkRead(warp, lane, unit, stamp, strong);
      }
      if (!strong) {
        readers[unit] |= bit;
        readEpochs[unit * warps + warp.index] = readEpoch;
      }
    }
    return index;
  }

  /**
   * Notes a read whose bytes go to several lanes of the warp, so that it has to come after all that
   * the warp wrote itself, too.
   */
  int readingRow(Warp warp, int lane, long address, int size) {
    return reading(warp, lane, ANY_LANE, address, size, false);
  }

  /** Notes a write and gives the index of its first byte. */
  int writing(Warp warp, int lane, long address, int size, boolean strong) {
    int index = inBounds(warp, lane, address, size);
    mark(warp, lane, index, size, stamp(warp, lane) | (strong ? STRONG : 0));
    return index;
  }

  /** Notes the start of an asynchronous copy: until it lands nobody may touch its target. */
  int pending(Warp warp, int lane, long address, int size) {
    int index = inBounds(warp, lane, address, size);
    mark(warp, lane, index, size, stamp(warp, lane) | PENDING);
    return index;
  }

  /** Notes that an asynchronous copy has been waited for: what it brought counts as written now. */
  void landed(Warp warp, int lane, int index, int size) {
    Arrays.fill(writers, index >> unitShift, (index + size) >> unitShift, stamp(warp, lane));
  }

  private void mark(Warp warp, int lane, int index, int size, int stamp) {
    int thread = warp.index * Warp.LANES + lane;
    int end = (index + size) >> unitShift;
    for (int unit = index >> unitShift; unit < end; unit++) {
      int before = writers[unit];
      if (before != 0 && (before < 0 || !ordered(warp, thread, before))) {
        checkOverwrite(warp, lane, unit, before, stamp);
      }
      if (readers[unit] != 0) {
        checkReaders(warp, lane, unit);
      }
      writers[unit] = stamp;
      readers[unit] = 0;
    }
  }

  private int inBounds(Warp warp, int lane, long address, int size) {
    long last = address + size - 1;
    boolean inside =
        (address & (size - 1)) == 0
            && address >= 0
            && last < bytes.length
            && exists[(int) address >> unitShift]
            && exists[(int) last >> unitShift];
    if (!inside) {
      throw outOfBounds(warp, lane, address, size);
    }
    return (int) address;
  }

  private KernelFault outOfBounds(Warp warp, int lane, long address, int size) {
    String access = "%d bytes of shared memory at 0x%x are ".formatted(size, address);
    return warp.fault(
        lane,
        access
            + ((address & (size - 1)) != 0 ? "misaligned" : "out of bounds: " + describe(address)));
  }

  private String describe(long address) {
    if (address >= DYNAMIC_BASE) {
      return "they start %d bytes into the %d bytes that the launch asked for"
          .formatted(address - DYNAMIC_BASE, dynamicEnd - DYNAMIC_BASE);
    }
    return "they are in none of the kernel's shared variables";
  }

  private static int stamp(Warp warp, int lane) {
    int epoch = warp.synchronization.epoch();
    if (epoch >= MOST_EPOCHS) {
      throw warp.fault(lane, "synchronises more often than the interpreter can count");
    }
    return epoch << THREAD_BITS | warp.index * Warp.LANES + lane;
  }

  /** True if the write happens before what the thread does now. */
  private static boolean ordered(Warp warp, int thread, int stamp) {
    int writer = writer(stamp);
    return warp.synchronization.after(writer / Warp.LANES, epoch(stamp)) || writer == thread;
  }

  private static int writer(int stamp) {
    return stamp & (1 << THREAD_BITS) - 1;
  }

  private static int epoch(int stamp) {
    return stamp >>> THREAD_BITS & MOST_EPOCHS - 1;
  }

  private static String thread(int stamp) {
    int writer = writer(stamp);
    return "thread " + writer + " (warp " + writer / Warp.LANES + ")";
  }

  /** A read that is not simply in order. */
  private void checkRead(Warp warp, int lane, int unit, int stamp, boolean strong) {
    if (stamp == 0) {
      throw warp.fault(
          lane, "reads shared memory at " + place(unit) + " that nobody has written yet");
    }
    if (stamp < 0) {
      throw warp.fault(
          lane,
          "reads shared memory at %s while an asynchronous copy of %s into it has not been waited for"
              .formatted(place(unit), thread(stamp)));
    }
    if (strong && (stamp & STRONG) != 0) {
      int writer = writer(stamp) / Warp.LANES;
      if (writer != warp.index) {
        warp.synchronization.learn(writer, epoch(stamp));
      }
      return;
    }
    throw warp.fault(
        lane,
        "race: reads shared memory at %s that %s has written, without a barrier between them"
            .formatted(place(unit), thread(stamp)));
  }

  /** A write over another one that is not simply in order. */
  private void checkOverwrite(Warp warp, int lane, int unit, int before, int stamp) {
    if (before < 0) {
      throw warp.fault(
          lane,
          "writes shared memory at %s while an asynchronous copy of %s into it has not been waited for"
              .formatted(place(unit), thread(before)));
    }
    if ((before & stamp & STRONG) == 0) {
      throw warp.fault(
          lane,
          "race: writes shared memory at %s that %s has written, without a barrier between them"
              .formatted(place(unit), thread(before)));
    }
  }

  private void checkReaders(Warp warp, int lane, int unit) {
    int others = readers[unit] & ~(1 << warp.index);
    while (others != 0) {
      int reader = Integer.numberOfTrailingZeros(others);
      if (!warp.synchronization.after(reader, readEpochs[unit * warps + reader])) {
        throw warp.fault(
            lane,
            "race: writes shared memory at %s that warp %d reads, without a barrier between them"
                .formatted(place(unit), reader));
      }
      others &= others - 1;
    }
  }

  private String place(int unit) {
    return kernel.sharedPlace(unit << unitShift);
  }
}
