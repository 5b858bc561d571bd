package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.driver.Launch;
import dev.fovea.kernels.cuda.driver.TensorMap;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

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

  private final GpuFacts facts;
  private final Machine machine = new Machine();
  private final Map<Long, PtxModule> modules = new HashMap<>();
  private final Map<Long, Function> functions = new HashMap<>();
  private final Map<Long, List<Runnable>> graphs = new HashMap<>();
  private final Map<Long, Event> events = new HashMap<>();
  private final PinnedMemory pinned = new PinnedMemory();
  private final WorkStream stream = new WorkStream();
  private final Set<Long> kept = new HashSet<>();
  private long allocatedBytes;
  private long handles;
  private RuntimeException lost;
  private boolean closed;
  private long owner;

  private record Function(Kernel kernel, int sharedBytes) {}

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

  /** What is allocated on the device now may stay until {@link #close}. */
  public void keepAllocations() {
    machine.memory().allocations().forEach(allocation -> kept.add(allocation.base()));
  }

  /** Throws if anything else that was allocated or created has not been freed. */
  public void assertNothingLeaked() {
    List<String> leaks = new ArrayList<>();
    for (Allocation allocation : machine.memory().allocations()) {
      if (!kept.contains(allocation.base())
          && modules.values().stream().noneMatch(module -> module.owns(allocation.base()))) {
        leaks.add(
            "%d bytes of device memory at 0x%x".formatted(allocation.size(), allocation.base()));
      }
    }
    pinned.segments().forEach(p -> leaks.add(p.byteSize() + " bytes of pinned memory"));
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
      module.check(facts);
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
    stream.refuseWhileCapturing("memory cannot be allocated");
    long free = facts.memoryBytes() - allocatedBytes;
    if (bytes < 1 || bytes > free || bytes > Integer.MAX_VALUE - Byte.SIZE) {
      throw new CudaException(
          "out of memory: %d bytes were asked for, %d of %d are free"
              .formatted(bytes, free, facts.memoryBytes()),
          Kind.OUT_OF_MEMORY,
          null);
    }
    allocatedBytes += bytes;
    return machine.memory().allocate((int) bytes).base();
  }

  @Override
  public void free(long address) {
    enter();
    stream.refuseWhileCapturing("memory cannot be freed");
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
    return pinned.allocate(bytes);
  }

  @Override
  public void freePinned(MemorySegment segment) {
    enter();
    finish();
    pinned.free(segment);
  }

  @Override
  public void copyToDevice(long target, MemorySegment source) {
    enter();
    requireRange(target, source.byteSize(), "copy to");
    if (pinned.contains(source)) {
      stream.add(() -> write(target, bytesOf(source)));
    } else {
      stream.refuseWhileCapturing("only pinned memory can be copied");
      byte[] bytes = bytesOf(source);
      stream.add(() -> write(target, bytes));
    }
  }

  @Override
  public void copyToHost(MemorySegment target, long source) {
    enter();
    requireRange(source, target.byteSize(), "copy from");
    if (pinned.contains(target)) {
      stream.add(() -> read(source, target));
    } else {
      stream.refuseWhileCapturing("only pinned memory can be copied to");
      stream.add(() -> read(source, target));
      finish();
    }
  }

  @Override
  public void fill(long target, byte value, long bytes) {
    enter();
    requireRange(target, bytes, "fill");
    stream.add(
        () -> {
          Allocation allocation = existing(target, bytes);
          int index = allocation.index(target);
          Arrays.fill(allocation.bytes, index, index + (int) bytes, value);
          allocation.writeRange(index, (int) bytes);
        });
  }

  private static byte[] bytesOf(MemorySegment source) {
    if (!source.scope().isAlive()) {
      throw new KernelFault("a copy reads pinned memory that has been freed");
    }
    return source.toArray(ValueLayout.JAVA_BYTE);
  }

  private void write(long target, byte[] bytes) {
    Allocation allocation = existing(target, bytes.length);
    int index = allocation.index(target);
    System.arraycopy(bytes, 0, allocation.bytes, index, bytes.length);
    allocation.writeRange(index, bytes.length);
  }

  private void read(long source, MemorySegment target) {
    int size = (int) target.byteSize();
    Allocation allocation = existing(source, size);
    int index = allocation.index(source);
    int unwritten = allocation.firstUnwritten(index, size);
    if (unwritten >= 0) {
      throw new KernelFault(
          "a copy to the host reads byte %d of an allocation of %d, which nobody has written"
              .formatted(unwritten, allocation.size()));
    }
    if (!target.scope().isAlive()) {
      throw new KernelFault("a copy writes pinned memory that has been freed");
    }
    MemorySegment.copy(allocation.bytes, index, target, ValueLayout.JAVA_BYTE, 0, size);
  }

  /**
   * Where recorded copies find their memory; a graph may outlive it. Nothing overlaps with copies.
   */
  private Allocation existing(long address, long size) {
    machine.end();
    Allocation allocation = machine.memory().find(address, size);
    if (allocation == null) {
      throw new KernelFault("recorded work needs " + machine.memory().describe(address, size));
    }
    return allocation;
  }

  @Override
  public byte[] encode(TensorMap map) {
    enter();
    return TensorBoxes.encode(map);
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
            LaunchOrder.none(),
            launch.arguments().toArray(ValueLayout.JAVA_BYTE));
    try {
      Machine.check(function.kernel(), grid);
    } catch (KernelFault e) {
      throw new CudaException(e.getMessage(), e);
    }
    stream.add(() -> machine.run(function.kernel(), grid, launch.early()));
  }

  @Override
  public void beginCapture() {
    enter();
    stream.refuseWhileCapturing("another capture cannot begin");
    stream.beginCapture();
  }

  @Override
  public long endCapture() {
    enter();
    return keep(graphs, stream.endCapture());
  }

  @Override
  public void launchGraph(long graph) {
    enter();
    stream.refuseWhileCapturing("graphs cannot be launched");
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
    stream.add(
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
    stream.refuseWhileCapturing("nobody can wait");
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
      pinned.close();
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
          "the device is lost and has to be opened again: " + lost.getMessage(), Kind.LOST, lost);
    }
  }

  /** Does everything that is on the stream. */
  private void finish() {
    try {
      stream.finish();
      machine.end();
    } catch (KernelFault e) {
      lost = e;
      enter();
    }
  }

  private void requireRange(long address, long size, String what) {
    if (machine.memory().find(address, size) == null) {
      throw new CudaException(
          "cannot " + what + " the device: " + machine.memory().describe(address, size));
    }
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
