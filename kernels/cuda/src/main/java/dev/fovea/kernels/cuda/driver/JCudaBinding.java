package dev.fovea.kernels.cuda.driver;

import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import dev.fovea.kernels.cuda.driver.Handles.DeviceAddress;
import dev.fovea.kernels.cuda.driver.Handles.Event;
import dev.fovea.kernels.cuda.driver.Handles.Function;
import dev.fovea.kernels.cuda.driver.Handles.Graph;
import dev.fovea.kernels.cuda.driver.Handles.HostAddress;
import dev.fovea.kernels.cuda.driver.Handles.Module;
import dev.fovea.kernels.cuda.driver.Handles.Stream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUgraph;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * The CUDA driver through JCuda.
 *
 * <p>The context is the device's primary one, which everything in the process shares (so libraries
 * on top of the driver find it), and may outlive this object; so all that was allocated is given
 * back one by one.
 */
final class JCudaBinding implements CudaDriver {

  /** A kernel may use so much shared memory without asking. */
  private static final int SHARED_BYTES_WITHOUT_ASKING = 48 << 10;

  /** Enough for the first errors of the compiler in the driver. */
  private static final int LOG_BYTES = 8 << 10;

  private final CUdevice device;
  private final GpuFacts facts;
  private final Stream stream = new Stream();
  private final List<Module> modules = new ArrayList<>();
  private final List<Function> functions = new ArrayList<>();
  private final List<Graph> graphs = new ArrayList<>();
  private final List<Event> events = new ArrayList<>();
  private final Set<Long> allocations = new HashSet<>();
  private final List<Pinned> pinned = new ArrayList<>();

  /** Array of pointers to the parameters of a kernel, as the driver wants them: to the only one. */
  private final MemorySegment parameters;

  private final Pointer parametersPointer;
  private final Arena arena = Arena.ofShared();
  private boolean capturing;
  private boolean closed;
  private CudaException loss;

  /** Page-locked memory; the arena lets nobody use it after it was freed. */
  private record Pinned(HostAddress address, MemorySegment segment, Arena arena) {

    boolean contains(MemorySegment other) {
      long offset = other.address() - segment.address();
      return offset >= 0 && offset <= segment.byteSize() - other.byteSize();
    }
  }

  /**
   * Makes the device's primary context current on this thread.
   *
   * @throws CudaException if the device has no room, or belongs to somebody else
   */
  JCudaBinding(CUdevice device, GpuFacts facts) {
    this.device = device;
    this.facts = facts;
    parameters = arena.allocate(ValueLayout.JAVA_LONG);
    parametersPointer = Handles.host(parameters.address());
    CUcontext context = new CUcontext();
    check(
        JCudaDriver.cuDevicePrimaryCtxRetain(context, device),
        "making a context on " + facts.name());
    try {
      check(JCudaDriver.cuCtxSetCurrent(context), "choosing the context");
      check(
          JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING),
          "making a stream");
    } catch (CudaException e) {
      JCudaDriver.cuDevicePrimaryCtxRelease(device);
      throw e;
    }
  }

  @Override
  public GpuFacts facts() {
    return facts;
  }

  @Override
  public long loadModule(String ptx) {
    requireUsable();
    Module module = new Module();
    try (Arena call = Arena.ofConfined()) {
      MemorySegment text = call.allocateFrom(ptx);
      MemorySegment log = call.allocate(LOG_BYTES);
      int[] options = {
        CUjit_option.CU_JIT_ERROR_LOG_BUFFER, CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
      };
      MemorySegment values = call.allocateFrom(ValueLayout.JAVA_LONG, log.address(), LOG_BYTES);
      int result =
          JCudaDriver.cuModuleLoadDataEx(
              module,
              Handles.host(text.address()),
              options.length,
              options,
              Handles.host(values.address()));
      if (result != 0) {
        check(result, "compiling PTX for %s%s".formatted(facts.name(), compilerSays(log)));
      }
    }
    modules.add(module);
    return module.value();
  }

  private static String compilerSays(MemorySegment log) {
    String text = log.getString(0).strip();
    return text.isEmpty() ? "" : " (the driver's compiler says: " + text + ")";
  }

  @Override
  public long function(long module, String name, int sharedBytes) {
    requireUsable();
    Function function = new Function();
    check(
        JCudaDriver.cuModuleGetFunction(function, Handles.find(modules, module, "module"), name),
        "finding kernel " + name);
    if (sharedBytes > SHARED_BYTES_WITHOUT_ASKING) {
      check(
          JCudaDriver.cuFuncSetAttribute(
              function,
              CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              sharedBytes),
          "asking for %d bytes of shared memory for kernel %s (a block can have %d)"
              .formatted(sharedBytes, name, facts.sharedBytesPerBlock()));
    }
    functions.add(function);
    return function.value();
  }

  @Override
  public long allocate(long bytes) {
    requireUsable();
    requirePositive(bytes);
    DeviceAddress address = new DeviceAddress();
    int result = JCudaDriver.cuMemAlloc(address, bytes);
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw outOfMemory(bytes);
    }
    check(result, "allocating memory");
    allocations.add(address.value());
    return address.value();
  }

  private CudaException outOfMemory(long bytes) {
    long[] free = new long[1];
    long[] total = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, total), "asking for free memory");
    return new CudaException(
        "too little memory on %s: %,d bytes were asked for, %,d of %,d are free; use a smaller model,"
                .formatted(facts.name(), bytes, free[0], total[0])
            + " batch or image, or end other processes on this GPU",
        Kind.OUT_OF_MEMORY,
        null);
  }

  @Override
  public void free(long address) {
    requireOpen();
    abandonCapture();
    if (!allocations.remove(address)) {
      throw new IllegalArgumentException(
          "0x%x was not allocated by this driver, or is freed already".formatted(address));
    }
    release(JCudaDriver.cuMemFree(Handles.device(address)), "freeing memory");
  }

  @Override
  @SuppressWarnings("restricted") // The driver says where the memory is.
  public MemorySegment allocatePinned(long bytes) {
    requireUsable();
    requirePositive(bytes);
    HostAddress address = new HostAddress();
    int result = JCudaDriver.cuMemHostAlloc(address, bytes, 0);
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new CudaException(
          "too little page-locked memory on the host: %,d bytes were asked for; use smaller batches"
              .formatted(bytes),
          Kind.OUT_OF_MEMORY,
          null);
    }
    check(result, "allocating page-locked memory");
    Arena life = Arena.ofShared();
    MemorySegment segment =
        MemorySegment.ofAddress(address.value()).reinterpret(bytes, life, null).fill((byte) 0);
    pinned.add(new Pinned(address, segment, life));
    return segment;
  }

  @Override
  public void freePinned(MemorySegment segment) {
    requireOpen();
    abandonCapture();
    Pinned memory =
        pinned.stream()
            .filter(candidate -> candidate.segment().address() == segment.address())
            .findAny()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "%s was not allocated by this driver, or is freed already"
                            .formatted(segment)));
    pinned.remove(memory);
    memory.arena().close();
    release(JCudaDriver.cuMemFreeHost(memory.address()), "freeing page-locked memory");
  }

  @Override
  public void copyToDevice(long target, MemorySegment source) {
    requireUsable();
    boolean asynchronous = isPinned(source);
    check(
        JCudaDriver.cuMemcpyHtoDAsync(
            Handles.device(target), Handles.host(source.address()), source.byteSize(), stream),
        "copying to the device");
    if (!asynchronous) {
      synchronize();
    }
  }

  @Override
  public void copyToHost(MemorySegment target, long source) {
    requireUsable();
    boolean asynchronous = isPinned(target);
    check(
        JCudaDriver.cuMemcpyDtoHAsync(
            Handles.host(target.address()), Handles.device(source), target.byteSize(), stream),
        "copying from the device");
    if (!asynchronous) {
      synchronize();
    }
  }

  /** Other native memory is copied while the caller waits, which a graph cannot do. */
  private boolean isPinned(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("copies want native memory, not an array: " + segment);
    }
    boolean result = pinned.stream().anyMatch(memory -> memory.contains(segment));
    if (capturing && !result) {
      throw new IllegalArgumentException(
          "copies of a graph want memory of allocatePinned, which stays where it is: " + segment);
    }
    return result;
  }

  @Override
  public void fill(long target, byte value, long bytes) {
    requireUsable();
    check(
        JCudaDriver.cuMemsetD8Async(Handles.device(target), value, bytes, stream),
        "filling memory");
  }

  @Override
  public void launch(Launch launch) {
    requireUsable();
    Function function = Handles.find(functions, launch.function(), "function");
    parameters.set(ValueLayout.JAVA_LONG, 0, launch.arguments().address());
    int result =
        JCudaDriver.cuLaunchKernel(
            function,
            launch.gridX(),
            launch.gridY(),
            launch.gridZ(),
            launch.threads(),
            1,
            1,
            launch.sharedBytes(),
            stream,
            parametersPointer,
            null);
    if (result != 0) {
      check(result, "launching " + launch);
    }
  }

  @Override
  public void beginCapture() {
    abandonCapture();
    requireUsable();
    // The calls of other threads, which may use the same GPU, are none of this recording's
    // business.
    check(
        JCudaDriver.cuStreamBeginCapture(
            stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "starting to record a graph");
    capturing = true;
  }

  @Override
  public long endCapture() {
    requireUsable();
    if (!capturing) {
      throw new IllegalStateException(
          "no graph is being recorded: call beginCapture first, and record again after an error");
    }
    capturing = false;
    CUgraph recording = new CUgraph();
    check(JCudaDriver.cuStreamEndCapture(stream, recording), "recording a graph");
    Graph graph = new Graph();
    try {
      check(JCudaDriver.cuGraphInstantiate(graph, recording, 0), "building a graph");
    } finally {
      JCudaDriver.cuGraphDestroy(recording);
    }
    graphs.add(graph);
    // So that the first start is as fast as the others.
    check(JCudaDriver.cuGraphUpload(graph, stream), "bringing a graph to the device");
    return graph.value();
  }

  /** Ends a recording that an error has interrupted; otherwise the stream would stay unusable. */
  private void abandonCapture() {
    if (capturing) {
      capturing = false;
      CUgraph recording = new CUgraph();
      if (JCudaDriver.cuStreamEndCapture(stream, recording) == 0) {
        JCudaDriver.cuGraphDestroy(recording);
      }
    }
  }

  @Override
  public void launchGraph(long graph) {
    requireUsable();
    check(
        JCudaDriver.cuGraphLaunch(Handles.find(graphs, graph, "graph"), stream),
        "starting a graph");
  }

  @Override
  public void freeGraph(long graph) {
    requireOpen();
    Graph found = Handles.find(graphs, graph, "graph");
    graphs.remove(found);
    release(JCudaDriver.cuGraphExecDestroy(found), "freeing a graph");
  }

  @Override
  public long createEvent() {
    requireUsable();
    Event event = new Event();
    check(JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT), "making an event");
    events.add(event);
    return event.value();
  }

  @Override
  public void recordEvent(long event) {
    requireUsable();
    check(
        JCudaDriver.cuEventRecord(Handles.find(events, event, "event"), stream),
        "recording an event");
  }

  @Override
  public float millisBetween(long first, long second) {
    requireUsable();
    float[] millis = new float[1];
    check(
        JCudaDriver.cuEventElapsedTime(
            millis, Handles.find(events, first, "event"), Handles.find(events, second, "event")),
        "taking the time between events");
    return millis[0];
  }

  @Override
  public void freeEvent(long event) {
    requireOpen();
    Event found = Handles.find(events, event, "event");
    events.remove(found);
    release(JCudaDriver.cuEventDestroy(found), "freeing an event");
  }

  @Override
  public void synchronize() {
    requireUsable();
    check(JCudaDriver.cuStreamSynchronize(stream), "waiting for the device");
  }

  @Override
  public long stream() {
    return stream.value();
  }

  /**
   * Looks at no result: a lost context answers everything with an error, and is given back, too.
   */
  @Override
  public void close() {
    if (!closed) {
      abandonCapture();
      closed = true;
      JCudaDriver.cuStreamSynchronize(stream);
      graphs.forEach(JCudaDriver::cuGraphExecDestroy);
      events.forEach(JCudaDriver::cuEventDestroy);
      allocations.forEach(address -> JCudaDriver.cuMemFree(Handles.device(address)));
      pinned.forEach(
          memory -> {
            memory.arena().close();
            JCudaDriver.cuMemFreeHost(memory.address());
          });
      modules.forEach(JCudaDriver::cuModuleUnload);
      JCudaDriver.cuStreamDestroy(stream);
      JCudaDriver.cuDevicePrimaryCtxRelease(device);
      arena.close();
    }
  }

  private void requireUsable() {
    requireOpen();
    if (loss != null) {
      throw new CudaException(loss.getMessage(), Kind.LOST, loss);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this CUDA driver is closed; open it again");
    }
  }

  private static void requirePositive(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("an allocation has 1 byte or more, not " + bytes);
    }
  }

  /** The result of giving something back, which after a loss is an error and no longer matters. */
  private void release(int result, String what) {
    if (loss == null) {
      check(result, what);
    }
  }

  private void check(int result, String what) {
    if (result != 0) {
      abandonCapture();
      CudaException failure = CudaErrors.failure(result, what);
      if (failure.kind() == Kind.LOST) {
        loss = failure;
      }
      throw failure;
    }
  }
}
