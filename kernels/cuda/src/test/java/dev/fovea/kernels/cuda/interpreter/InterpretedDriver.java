package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.driver.Launch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A CUDA driver whose device is the interpreter. Work on the stream is done as late as a GPU may do
 * it, when somebody waits for it, so that who reads results without waiting gets old ones. What
 * goes wrong in a kernel surfaces there, and from then on every call fails, as with a context that
 * is lost.
 */
public final class InterpretedDriver implements CudaDriver {

  /**
   * A small device of the oldest kind that is supported: compute capability 8.0 with 163 KB of
   * shared memory.
   */
  public static final GpuFacts SMALL =
      new GpuFacts("PTX interpreter", 80, 4, 163 * 1024, 2L << 30, 13000);

  private static final long STREAM = 0x57_12ea;

  /** CUDA 11 understands PTX 7, CUDA 12 understands PTX 8, and so on. */
  private static final int CUDA_BEFORE_PTX = 4;

  private final GpuFacts facts;
  private final Machine machine = new Machine();
  private final Map<Long, PtxModule> modules = new HashMap<>();
  private final Map<Long, Function> functions = new HashMap<>();
  private final Map<Long, List<Runnable>> graphs = new HashMap<>();
  private final Map<Long, Event> events = new HashMap<>();
  private final Map<Long, Pinned> pinned = new HashMap<>();
  private final Deque<Runnable> stream = new ArrayDeque<>();
  private List<Runnable> capture;
  private long allocatedBytes;
  private long handles;
  private RuntimeException lost;
  private boolean closed;
  private long owner;

  private record Function(Kernel kernel, int sharedBytes) {}

  private record Pinned(Arena arena, MemorySegment segment) {}

  private static final class Event {
    private boolean passed;
    private long nanos;
  }

  /** Opens a {@link #SMALL} device. */
  public InterpretedDriver() {
    this(SMALL);
  }

  /** Opens a device of which this is said. */
  public InterpretedDriver(GpuFacts facts) {
    this.facts = facts;
  }

  /** From now on blocks and warps have their turns in an order that the seed decides. */
  public void shuffle(long seed) {
    machine.shuffle(seed);
  }

  /** Bytes of device memory that have been allocated and not freed. */
  public long allocatedBytes() {
    return allocatedBytes;
  }

  /** Throws if anything that was allocated or created has not been freed. */
  public void assertNothingLeaked() {
    List<String> leaks = new ArrayList<>();
    for (Allocation allocation : machine.memory().allocations()) {
      if (modules.values().stream().noneMatch(module -> module.owns(allocation.base()))) {
        leaks.add(
            "%d bytes of device memory at 0x%x".formatted(allocation.size(), allocation.base()));
      }
    }
    pinned.values().forEach(p -> leaks.add(p.segment().byteSize() + " bytes of pinned memory"));
    graphs.keySet().forEach(graph -> leaks.add("graph " + graph));
    events.keySet().forEach(event -> leaks.add("event " + event));
    if (!leaks.isEmpty()) {
      throw new AssertionError("not freed: " + String.join(", ", leaks));
    }
  }

  @Override
  public GpuFacts facts() {
    enter();
    return facts;
  }

  @Override
  public long loadModule(String ptx) {
    enter();
    try {
      PtxModule module = PtxModule.load(ptx, machine.memory());
      int needed = module.version() / 10 + CUDA_BEFORE_PTX;
      if (needed > facts.driverVersion() / 1000) {
        throw new CudaException(
            "the module is PTX %d.%d, which needs a driver for CUDA %d, but this one is for %d"
                .formatted(
                    module.version() / 10,
                    module.version() % 10,
                    needed,
                    facts.driverVersion() / 1000));
      }
      if (!module.runsOn(facts.capability())) {
        throw new CudaException(
            "the module is for %s, but the device has compute capability %d"
                .formatted(module.target(), facts.capability()));
      }
      return keep(modules, module);
    } catch (PtxException e) {
      throw new CudaException("the module cannot be loaded: " + e.getMessage(), e);
    }
  }

  @Override
  public long function(long module, String name, int sharedBytes) {
    enter();
    try {
      Kernel kernel = find(modules, module, "module").kernel(name);
      int all = kernel.staticSharedBytes() + sharedBytes;
      if (all > facts.sharedBytesPerBlock()) {
        throw new CudaException(
            "%s needs %d bytes of shared memory, but a block can have %d"
                .formatted(name, all, facts.sharedBytesPerBlock()));
      }
      return keep(functions, new Function(kernel, sharedBytes));
    } catch (PtxException e) {
      throw new CudaException("the kernel " + name + " cannot be run: " + e.getMessage(), e);
    }
  }

  @Override
  public long allocate(long bytes) {
    enter();
    refuseWhileCapturing("memory cannot be allocated");
    long free = facts.memoryBytes() - allocatedBytes;
    if (bytes < 1 || bytes > free || bytes > Integer.MAX_VALUE - Byte.SIZE) {
      throw new CudaException(
          "out of memory: %d bytes were asked for, %d of %d are free"
              .formatted(bytes, free, facts.memoryBytes()));
    }
    allocatedBytes += bytes;
    return machine.memory().allocate((int) bytes).base();
  }

  @Override
  public void free(long address) {
    enter();
    refuseWhileCapturing("memory cannot be freed");
    finish();
    Allocation allocation = machine.memory().find(address, 1);
    if (allocation == null || !machine.memory().free(address)) {
      throw new CudaException(
          "no allocation starts at 0x%x that could be freed".formatted(address));
    }
    allocatedBytes -= allocation.size();
  }

  @Override
  public MemorySegment allocatePinned(long bytes) {
    enter();
    Arena arena = Arena.ofShared();
    MemorySegment segment = arena.allocate(bytes, Long.BYTES);
    pinned.put(segment.address(), new Pinned(arena, segment));
    return segment;
  }

  @Override
  public void freePinned(MemorySegment segment) {
    enter();
    finish();
    Pinned freed = pinned.remove(segment.address());
    if (freed == null) {
      throw new CudaException("the memory at 0x%x is not pinned".formatted(segment.address()));
    }
    freed.arena().close();
  }

  @Override
  public void copyToDevice(long target, MemorySegment source) {
    enter();
    int size = (int) source.byteSize();
    Allocation allocation = range(target, size, "copy to");
    if (isPinned(source)) {
      enqueue(() -> write(allocation, target, source.toArray(ValueLayout.JAVA_BYTE)));
    } else {
      refuseWhileCapturing("only pinned memory can be copied");
      byte[] bytes = source.toArray(ValueLayout.JAVA_BYTE);
      enqueue(() -> write(allocation, target, bytes));
    }
  }

  @Override
  public void copyToHost(MemorySegment target, long source) {
    enter();
    Allocation allocation = range(source, target.byteSize(), "copy from");
    if (isPinned(target)) {
      enqueue(() -> read(allocation, source, target));
    } else {
      refuseWhileCapturing("only pinned memory can be copied to");
      enqueue(() -> read(allocation, source, target));
      finish();
    }
  }

  @Override
  public void fill(long target, byte value, long bytes) {
    enter();
    Allocation allocation = range(target, bytes, "fill");
    byte[] values = new byte[(int) bytes];
    Arrays.fill(values, value);
    enqueue(() -> write(allocation, target, values));
  }

  private static void write(Allocation allocation, long target, byte[] bytes) {
    int index = allocation.index(target);
    System.arraycopy(bytes, 0, allocation.bytes, index, bytes.length);
    allocation.writeRange(index, bytes.length);
  }

  private static void read(Allocation allocation, long source, MemorySegment target) {
    int index = allocation.index(source);
    int size = (int) target.byteSize();
    int unwritten = allocation.firstUnwritten(index, size);
    if (unwritten >= 0) {
      throw new KernelFault(
          "a copy to the host reads byte %d of an allocation of %d, which nobody has written"
              .formatted(unwritten, allocation.size()));
    }
    MemorySegment.copy(allocation.bytes, index, target, ValueLayout.JAVA_BYTE, 0, size);
  }

  @Override
  public void launch(Launch launch) {
    enter();
    Function function = find(functions, launch.function(), "function");
    if (launch.sharedBytes() > function.sharedBytes()) {
      throw new CudaException(
          "%s was to have at most %d bytes of shared memory, but is launched with %d"
              .formatted(launch.name(), function.sharedBytes(), launch.sharedBytes()));
    }
    Grid grid =
        new Grid(
            launch.gridX(),
            launch.gridY(),
            launch.gridZ(),
            launch.threads(),
            launch.sharedBytes(),
            launch.arguments().toArray(ValueLayout.JAVA_BYTE));
    try {
      Machine.check(function.kernel(), grid);
    } catch (KernelFault e) {
      throw new CudaException(e.getMessage(), e);
    }
    enqueue(() -> machine.run(function.kernel(), grid));
  }

  @Override
  public void beginCapture() {
    enter();
    refuseWhileCapturing("another capture cannot begin");
    capture = new ArrayList<>();
  }

  @Override
  public long endCapture() {
    enter();
    if (capture == null) {
      throw new CudaException("no capture has begun that could end");
    }
    List<Runnable> recorded = capture;
    capture = null;
    return keep(graphs, recorded);
  }

  @Override
  public void launchGraph(long graph) {
    enter();
    refuseWhileCapturing("graphs cannot be launched");
    stream.addAll(find(graphs, graph, "graph"));
  }

  @Override
  public void freeGraph(long graph) {
    enter();
    find(graphs, graph, "graph");
    graphs.remove(graph);
  }

  @Override
  public long createEvent() {
    enter();
    return keep(events, new Event());
  }

  @Override
  public void recordEvent(long handle) {
    enter();
    Event event = find(events, handle, "event");
    enqueue(
        () -> {
          event.passed = true;
          event.nanos = System.nanoTime();
        });
  }

  @Override
  public float millisBetween(long first, long second) {
    enter();
    Event start = find(events, first, "event");
    Event end = find(events, second, "event");
    if (!start.passed || !end.passed) {
      throw new CudaException("the events have not passed yet; synchronize first");
    }
    return (end.nanos - start.nanos) / 1e6f;
  }

  @Override
  public void freeEvent(long event) {
    enter();
    find(events, event, "event");
    events.remove(event);
  }

  @Override
  public void synchronize() {
    enter();
    refuseWhileCapturing("nobody can wait");
    finish();
  }

  @Override
  public long stream() {
    enter();
    return STREAM;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      stream.clear();
      pinned.values().forEach(p -> p.arena().close());
    }
  }

  /** What holds for every call. */
  private void enter() {
    long thread = Thread.currentThread().threadId();
    owner = owner == 0 ? thread : owner;
    if (owner != thread) {
      throw new CudaException(
          "the driver has been used by thread %d and is now used by thread %d; all calls have to come from one"
              .formatted(owner, thread));
    }
    if (closed) {
      throw new CudaException("the driver is closed; open it again");
    }
    if (lost != null) {
      throw new CudaException(
          "the device is lost and has to be opened again: " + lost.getMessage(), lost);
    }
  }

  private void refuseWhileCapturing(String what) {
    if (capture != null) {
      throw new CudaException(what + " while work is being recorded; end the capture first");
    }
  }

  private void enqueue(Runnable work) {
    if (capture != null) {
      capture.add(work);
    } else {
      stream.add(work);
    }
  }

  /** Does everything that is on the stream. */
  private void finish() {
    try {
      while (!stream.isEmpty()) {
        stream.remove().run();
      }
    } catch (KernelFault e) {
      lost = e;
      stream.clear();
      enter();
    }
  }

  private Allocation range(long address, long size, String what) {
    Allocation allocation = machine.memory().find(address, size);
    if (allocation == null) {
      throw new CudaException(
          "cannot " + what + " the device: " + machine.memory().describe(address, size));
    }
    return allocation;
  }

  private boolean isPinned(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new CudaException("only native memory can be copied, but this is on the heap");
    }
    long first = segment.address();
    return pinned.values().stream()
        .map(Pinned::segment)
        .anyMatch(
            p -> first >= p.address() && first + segment.byteSize() <= p.address() + p.byteSize());
  }

  private <T> long keep(Map<Long, T> objects, T object) {
    objects.put(++handles, object);
    return handles;
  }

  private static <T> T find(Map<Long, T> objects, long handle, String kind) {
    T object = objects.get(handle);
    if (object == null) {
      throw new CudaException("%d is no handle of a %s".formatted(handle, kind));
    }
    return object;
  }
}
