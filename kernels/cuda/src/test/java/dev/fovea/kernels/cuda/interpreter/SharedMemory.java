package dev.fovea.kernels.cuda.interpreter;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

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

  /** For reads: no thread in particular. */
  private static final int ANY_LANE = -1;

  private static final int BULK_ALIGNMENT = 16;

  /** The bytes, by address. */
  final byte[] bytes;

  private final Block block;
  private final Kernel kernel;
  private final Map<Integer, MemoryBarrier> barriers = new HashMap<>();
  private final int dynamicEnd;
  private final int unitShift;
  private final int units;

  /**
   * By unit: 0 if never written, else epoch, agent and lane of the last writer, with the bits
   * above.
   */
  private final int[] writers;

  /**
   * By unit: the agents that have read it since, a bit each. Strong reads are not noted: one that
   * meets a plain write sees it sooner or later, and is found out then.
   */
  private final long[] readers;

  /** By agent and unit: the epoch of the last read. */
  private final int[] readEpochs;

  /** By unit: true where a variable lies. Gaps are no smaller than an access, so its ends tell. */
  private final boolean[] exists;

  SharedMemory(Block block, int dynamicBytes, Agents agents) {
    this.block = block;
    kernel = block.kernel();
    dynamicEnd = kernel.dynamicBase() + dynamicBytes;
    unitShift = Integer.numberOfTrailingZeros(kernel.smallestSharedAccess());
    int end = dynamicBytes == 0 ? kernel.staticSharedEnd() : dynamicEnd;
    bytes = new byte[end];
    units = (end >> unitShift) + 1;
    writers = new int[units];
    readers = new long[units];
    readEpochs = new int[units * agents.readers()];
    exists = new boolean[units];
    for (Kernel.SharedVariable variable : kernel.staticShared()) {
      addVariable(variable.address(), variable.bytes());
    }
    if (dynamicBytes > 0) {
      addVariable(kernel.dynamicBase(), dynamicBytes);
    }
  }

  private void addVariable(int address, int size) {
    Arrays.fill(exists, address >> unitShift, (address + size) >> unitShift, true);
  }

  /** Forgets everything, for the next block. */
  void clear() {
    Arrays.fill(writers, 0);
    Arrays.fill(readers, 0);
    barriers.clear();
  }

  /** The block whose memory this is. */
  Block block() {
    return block;
  }

  /** The memory barriers that have been initialised, by address. */
  Map<Integer, MemoryBarrier> barriers() {
    return barriers;
  }

  /** Notes a read and gives the index of its first byte. */
  int reading(Warp warp, int lane, long address, int size, boolean strong) {
    return reading(warp, lane, warp.number * Warp.LANES + lane, address, size, strong);
  }

  private int reading(Warp warp, int lane, int reader, long address, int size, boolean strong) {
    int index = inBounds(warp, lane, address, size);
    int readEpoch = warp.synchronization.epoch();
    long bit = 1L << warp.number;
    int epochs = warp.number * units;
    int end = (index + size) >> unitShift;
    for (int unit = index >> unitShift; unit < end; unit++) {
      int stamp = writers[unit];
      if (stamp <= 0 || !ordered(warp, reader, stamp)) {
        checkRead(warp, lane, unit, stamp, strong);
      }
      if (!strong) {
        readers[unit] |= bit;
        readEpochs[epochs + unit] = readEpoch;
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
    mark(warp, lane, index, size, Stamps.of(warp, lane) | (strong ? Stamps.STRONG : 0));
    warp.synchronization.wrote(lane);
    return index;
  }

  /** Notes the start of an asynchronous copy: until it lands nobody may touch its target. */
  int pending(Warp warp, int lane, long address, int size) {
    int index = inBounds(warp, lane, address, size);
    mark(warp, lane, index, size, Stamps.of(warp, lane) | Stamps.PENDING);
    return index;
  }

  /** Notes that an asynchronous copy has been waited for: what it brought counts as written now. */
  void landed(Warp warp, int lane, int index, int size) {
    Arrays.fill(writers, index >> unitShift, (index + size) >> unitShift, Stamps.of(warp, lane));
    warp.synchronization.wrote(lane);
  }

  /**
   * Notes a read by an asynchronous instruction, which goes on until its agent's epoch has been
   * waited for, and gives the index of its first byte.
   *
   * @param clock what the threads know that give the instruction
   * @param size bytes, a multiple of 16
   * @param agent who reads
   */
  int readingAsync(
      Synchronization clock, Warp warp, int lane, long address, int size, int agent, int epoch) {
    int index = inBounds(warp, lane, address, size, BULK_ALIGNMENT);
    int first = index >> unitShift;
    int end = (index + size) >> unitShift;
    int thread = warp.number * Warp.LANES + lane;
    long bit = 1L << agent;
    for (int unit = first; unit < end; unit++) {
      int stamp = writers[unit];
      if (stamp <= 0 || !visible(clock, thread, stamp)) {
        checkAsyncRead(clock, warp, lane, unit, stamp);
      }
      readers[unit] |= bit;
    }
    Arrays.fill(readEpochs, agent * units + first, agent * units + end, epoch);
    return index;
  }

  /** True if the write has happened before, and reaches asynchronous instructions. */
  private static boolean visible(Synchronization clock, int thread, int stamp) {
    int agent = Stamps.agent(stamp);
    int epoch = Stamps.epoch(stamp);
    return (clock.after(agent, epoch) || Stamps.thread(stamp) == thread)
        && (agent >= Agents.MOST_READERS || clock.reaches(agent, epoch, Stamps.lane(stamp)));
  }

  private void checkAsyncRead(Synchronization clock, Warp warp, int lane, int unit, int stamp) {
    int thread = warp.number * Warp.LANES + lane;
    boolean before =
        clock.after(Stamps.agent(stamp), Stamps.epoch(stamp)) || Stamps.thread(stamp) == thread;
    if (stamp > 0 && before) {
      throw warp.fault(
          lane,
          "reads shared memory at %s by an asynchronous instruction, which may not see what %s has written: there is no fence.proxy.async between them"
              .formatted(place(unit), thread(stamp)));
    }
    checkRead(warp, lane, unit, stamp, false);
  }

  /**
   * Notes the start of a bulk copy: until it has landed, and its barrier has been waited for,
   * nobody may touch its target. Gives the index of its first byte.
   *
   * @param size bytes, a multiple of 16
   * @param agent of the barrier that counts the bytes
   */
  int bulkTarget(Warp warp, int lane, long address, int size, int agent) {
    int index = inBounds(warp, lane, address, size, BULK_ALIGNMENT);
    int thread = warp.number * Warp.LANES + lane;
    int stamp = Stamps.inFlight(agent);
    int end = (index + size) >> unitShift;
    for (int unit = index >> unitShift; unit < end; unit++) {
      int before = writers[unit];
      if (before != 0 && (before < 0 || !visible(warp.synchronization, thread, before))) {
        checkBulkOverwrite(warp, lane, unit, before);
      }
      if (readers[unit] != 0) {
        checkReaders(warp, lane, unit);
      }
      writers[unit] = stamp;
      readers[unit] = 0;
    }
    return index;
  }

  private void checkBulkOverwrite(Warp warp, int lane, int unit, int before) {
    if (before > 0 && ordered(warp, warp.number * Warp.LANES + lane, before)) {
      throw warp.fault(
          lane,
          "overwrites shared memory at %s by a bulk copy, which may come before what %s has written: there is no fence.proxy.async between them"
              .formatted(place(unit), thread(before)));
    }
    checkOverwrite(warp, lane, unit, before, 0);
  }

  /** Notes that a bulk copy has landed: who waits for this phase of its barrier may read it. */
  void bulkLanded(int index, int size, int agent, int phase) {
    Arrays.fill(
        writers, index >> unitShift, (index + size) >> unitShift, Stamps.landed(agent, phase));
  }

  /** Makes a memory barrier of 8 bytes; nobody may touch them otherwise. */
  MemoryBarrier initialise(Warp warp, int lane, long address, int arrivals) {
    MemoryBarrier old = barriers.get((int) address);
    if (old != null) {
      throw warp.fault(lane, "initialises " + old + ", which is one already");
    }
    int index = writing(warp, lane, address, Long.BYTES, false);
    MemoryBarrier barrier = new MemoryBarrier(this, index, arrivals, warp, lane);
    int first = index >> unitShift;
    int end = (index + Long.BYTES) >> unitShift;
    Arrays.fill(writers, first, end, Stamps.inFlight(barrier.agent()));
    barriers.put(index, barrier);
    return barrier;
  }

  /** Makes ordinary memory of a barrier. */
  void invalidate(Warp warp, int lane, MemoryBarrier barrier) {
    barriers.remove(barrier.address());
    int first = barrier.address() >> unitShift;
    int end = (barrier.address() + Long.BYTES) >> unitShift;
    Arrays.fill(writers, first, end, Stamps.of(warp, lane));
  }

  private void mark(Warp warp, int lane, int index, int size, int stamp) {
    int thread = warp.number * Warp.LANES + lane;
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
    return inBounds(warp, lane, address, size, size);
  }

  private int inBounds(Warp warp, int lane, long address, int size, int alignment) {
    long last = address + size - 1;
    boolean inside =
        (address & (alignment - 1)) == 0
            && address >= 0
            && last < bytes.length
            && exist((int) address >> unitShift, (int) last >> unitShift);
    if (!inside) {
      throw outOfBounds(warp, lane, address, size, alignment);
    }
    return (int) address;
  }

  private boolean exist(int first, int last) {
    boolean all = exists[first] && exists[last];
    // A gap is longer than an ordinary access.
    for (int unit = first + 1; unit < last && last - first > Short.BYTES * Byte.SIZE; unit++) {
      all &= exists[unit];
    }
    return all;
  }

  private KernelFault outOfBounds(Warp warp, int lane, long address, int size, int alignment) {
    String access = "%d bytes of shared memory at 0x%x are ".formatted(size, address);
    return warp.fault(
        lane,
        access
            + ((address & (alignment - 1)) != 0
                ? "misaligned"
                : "out of bounds: " + describe(address)));
  }

  private String describe(long address) {
    int dynamic = kernel.dynamicBase();
    if (address >= dynamic) {
      return "they start %d bytes into the %d bytes that the launch asked for"
          .formatted(address - dynamic, dynamicEnd - dynamic);
    }
    return "they are in none of the kernel's shared variables";
  }

  /** True if the write happens before what the thread does now. */
  private static boolean ordered(Warp warp, int thread, int stamp) {
    return warp.synchronization.after(Stamps.agent(stamp), Stamps.epoch(stamp))
        || Stamps.thread(stamp) == thread;
  }

  private String thread(int stamp) {
    return block.cluster().describe(Stamps.agent(stamp), Stamps.lane(stamp));
  }

  /** A read that is not simply in order. */
  private void checkRead(Warp warp, int lane, int unit, int stamp, boolean strong) {
    if (stamp == 0) {
      throw warp.fault(
          lane, "reads shared memory at " + place(unit) + " that nobody has written yet");
    }
    checkInFlight(warp, lane, "reads", unit, stamp);
    if (stamp < 0) {
      throw warp.fault(
          lane,
          "reads shared memory at %s while an asynchronous copy of %s into it has not been waited for"
              .formatted(place(unit), thread(stamp)));
    }
    if (strong && (stamp & Stamps.STRONG) != 0) {
      int writer = Stamps.agent(stamp);
      if (writer != warp.number) {
        warp.synchronization.learn(writer, Stamps.epoch(stamp));
      }
      return;
    }
    throw warp.fault(
        lane,
        "race: reads shared memory at %s that %s has written, without a barrier between them"
            .formatted(place(unit), thread(stamp)));
  }

  private void checkInFlight(Warp warp, int lane, String verb, int unit, int stamp) {
    if (!Stamps.isInFlight(stamp)) {
      return;
    }
    MemoryBarrier barrier = barriers.get((unit << unitShift) & -Long.BYTES);
    throw warp.fault(
        lane,
        verb
            + " shared memory at "
            + place(unit)
            + (barrier != null
                ? ", which is a memory barrier"
                : " while %s into it has not landed: %s"
                    .formatted(
                        thread(stamp), block.cluster().barrierOf(Stamps.agent(stamp)).progress())));
  }

  /** A write over another one that is not simply in order. */
  private void checkOverwrite(Warp warp, int lane, int unit, int before, int stamp) {
    checkInFlight(warp, lane, "writes", unit, before);
    if (before < 0) {
      throw warp.fault(
          lane,
          "writes shared memory at %s while an asynchronous copy of %s into it has not been waited for"
              .formatted(place(unit), thread(before)));
    }
    if ((before & stamp & Stamps.STRONG) == 0) {
      throw warp.fault(
          lane,
          "race: writes shared memory at %s that %s has written, without a barrier between them"
              .formatted(place(unit), thread(before)));
    }
  }

  private void checkReaders(Warp warp, int lane, int unit) {
    long others = readers[unit] & ~(1L << warp.number);
    while (others != 0) {
      int reader = Long.numberOfTrailingZeros(others);
      if (!warp.synchronization.after(reader, readEpochs[reader * units + unit])) {
        throw warp.fault(
            lane,
            "race: writes shared memory at %s that %s, without a barrier between them"
                .formatted(place(unit), block.cluster().describeReader(reader)));
      }
      others &= others - 1;
    }
  }

  private String place(int unit) {
    return kernel.sharedPlace(unit << unitShift);
  }
}
