package dev.fovea.kernels.cuda.driver;

import dev.fovea.kernels.cuda.driver.Handles.Event;
import dev.fovea.kernels.cuda.driver.Handles.Function;
import dev.fovea.kernels.cuda.driver.Handles.Graph;
import dev.fovea.kernels.cuda.driver.Handles.Module;
import dev.fovea.kernels.cuda.driver.Handles.Stream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUgraph;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** The CUDA driver through JCuda. */
final class JCudaBinding implements CudaDriver {

  /** A kernel may use so much shared memory without asking. */
  private static final int SHARED_BYTES_WITHOUT_ASKING = 48 << 10;

  /** Since CUDA 12.3 graphs can have kernels that start early. */
  private static final int EARLY_LAUNCHES_DRIVER = 12030;

  /** Enough for the first errors of the compiler in the driver. */
  private static final int LOG_BYTES = 8 << 10;

  private final JCudaContext context;
  private final JCudaMemory memory;
  private final Stream stream = new Stream();
  private final List<Module> modules = new ArrayList<>();
  private final List<Function> functions = new ArrayList<>();
  private final List<Graph> graphs = new ArrayList<>();
  private final List<Event> events = new ArrayList<>();
  private final Arena arena = Arena.ofShared();

  /** Array of pointers to the parameters of a kernel, as the driver wants them: to the only one. */
  private final MemorySegment parameters = arena.allocate(ValueLayout.JAVA_LONG);

  private final Pointer parametersAddress = Handles.host(parameters.address());
  private final ForeignCalls foreign = new ForeignCalls(CudaDrivers.LIBRARY, arena);
  private boolean capturing;

  /** Takes over the context. */
  JCudaBinding(JCudaContext context) {
    this.context = context;
    memory = new JCudaMemory(context);
    try {
      context.check(
          JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING),
          "making a stream");
    } catch (CudaException e) {
      arena.close();
      context.close();
      throw e;
    }
  }

  @Override
  public GpuFacts facts() {
    return context.facts();
  }

  @Override
  public long loadModule(String ptx) {
    context.requireUsable();
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
        context.check(
            result, "compiling PTX for %s%s".formatted(facts().name(), compilerSays(log)));
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
    context.requireUsable();
    Function function = new Function();
    context.check(
        JCudaDriver.cuModuleGetFunction(function, Handles.find(modules, module, "module"), name),
        "finding kernel " + name);
    if (sharedBytes > SHARED_BYTES_WITHOUT_ASKING) {
      context.check(
          JCudaDriver.cuFuncSetAttribute(
              function,
              CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              sharedBytes),
          "asking for %d bytes of shared memory for kernel %s (a block can have %d)"
              .formatted(sharedBytes, name, facts().sharedBytesPerBlock()));
    }
    functions.add(function);
    return function.value();
  }

  @Override
  public long allocate(long bytes) {
    context.requireUsable();
    return memory.allocate(bytes);
  }

  @Override
  public void free(long address) {
    context.requireOpen();
    abandonCapture();
    memory.free(address);
  }

  @Override
  public MemorySegment allocatePinned(long bytes) {
    context.requireUsable();
    return memory.allocatePinned(bytes);
  }

  @Override
  public void freePinned(MemorySegment segment) {
    context.requireOpen();
    abandonCapture();
    memory.freePinned(segment);
  }

  @Override
  public void copyToDevice(long target, MemorySegment source) {
    context.requireUsable();
    boolean pinned = isPinned(source);
    context.check(
        JCudaDriver.cuMemcpyHtoDAsync(
            Handles.device(target), Handles.host(source.address()), source.byteSize(), stream),
        "copying to the device");
    if (!pinned) {
      synchronize();
    }
  }

  @Override
  public void copyToHost(MemorySegment target, long source) {
    context.requireUsable();
    boolean pinned = isPinned(target);
    context.check(
        JCudaDriver.cuMemcpyDtoHAsync(
            Handles.host(target.address()), Handles.device(source), target.byteSize(), stream),
        "copying from the device");
    if (!pinned) {
      synchronize();
    }
  }

  /** Other native memory is copied while the caller waits, which a graph cannot do. */
  private boolean isPinned(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("copies want native memory, not an array: " + segment);
    }
    boolean pinned = memory.isPinned(segment);
    if (capturing && !pinned) {
      throw new IllegalArgumentException(
          "copies of a graph want memory of allocatePinned, which stays where it is: " + segment);
    }
    return pinned;
  }

  @Override
  public void fill(long target, byte value, long bytes) {
    context.requireUsable();
    context.check(
        JCudaDriver.cuMemsetD8Async(Handles.device(target), value, bytes, stream),
        "filling memory");
  }

  @Override
  public byte[] encode(TensorMap map) {
    context.requireUsable();
    try (Arena call = Arena.ofConfined()) {
      MemorySegment encoded = call.allocate(TensorMap.BYTES, TensorMap.BYTES);
      int result = foreign.encode(map, encoded);
      if (result != 0) {
        context.check(result, "encoding " + map);
      }
      return encoded.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Override
  public void launch(Launch launch) {
    context.requireUsable();
    Function function = Handles.find(functions, launch.function(), "function");
    parameters.set(ValueLayout.JAVA_LONG, 0, launch.arguments().address());
    int result =
        launch.early() && launchesEarly()
            ? foreign.launchEarly(launch, stream.value(), parameters)
            : launchInOrder(launch, function);
    if (result != 0) {
      context.check(result, "launching " + launch);
    }
  }

  private boolean launchesEarly() {
    return facts().driverVersion() >= EARLY_LAUNCHES_DRIVER && foreign.launchesEarly();
  }

  private int launchInOrder(Launch launch, Function function) {
    return JCudaDriver.cuLaunchKernel(
        function,
        launch.gridX(),
        launch.gridY(),
        launch.gridZ(),
        launch.threads(),
        1,
        1,
        launch.sharedBytes(),
        stream,
        parametersAddress,
        null);
  }

  @Override
  public void beginCapture() {
    context.requireUsable();
    abandonCapture();
    // What other threads of the process do with the GPU is none of this recording's business.
    context.check(
        JCudaDriver.cuStreamBeginCapture(
            stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "starting to record a graph");
    capturing = true;
  }

  @Override
  public long endCapture() {
    context.requireUsable();
    if (!capturing) {
      throw new IllegalStateException(
          "no graph is being recorded: call beginCapture first, and again after an error");
    }
    capturing = false;
    CUgraph recording = new CUgraph();
    context.check(JCudaDriver.cuStreamEndCapture(stream, recording), "recording a graph");
    Graph graph = new Graph();
    try {
      context.check(JCudaDriver.cuGraphInstantiate(graph, recording, 0), "building a graph");
    } finally {
      JCudaDriver.cuGraphDestroy(recording);
    }
    graphs.add(graph);
    // So that the first start is as fast as the others.
    context.check(JCudaDriver.cuGraphUpload(graph, stream), "bringing a graph to the device");
    return graph.value();
  }

  /** Ends a recording that an error has interrupted; the stream would stay unusable otherwise. */
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
    context.requireUsable();
    context.check(
        JCudaDriver.cuGraphLaunch(Handles.find(graphs, graph, "graph"), stream),
        "starting a graph");
  }

  @Override
  public void freeGraph(long graph) {
    context.requireOpen();
    Graph found = Handles.find(graphs, graph, "graph");
    graphs.remove(found);
    context.checkRelease(JCudaDriver.cuGraphExecDestroy(found), "freeing a graph");
  }

  @Override
  public long createEvent() {
    context.requireUsable();
    Event event = new Event();
    context.check(
        JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT), "making an event");
    events.add(event);
    return event.value();
  }

  @Override
  public void recordEvent(long event) {
    context.requireUsable();
    context.check(
        JCudaDriver.cuEventRecord(Handles.find(events, event, "event"), stream),
        "recording an event");
  }

  @Override
  public float millisBetween(long first, long second) {
    context.requireUsable();
    float[] millis = new float[1];
    context.check(
        JCudaDriver.cuEventElapsedTime(
            millis, Handles.find(events, first, "event"), Handles.find(events, second, "event")),
        "taking the time between events");
    return millis[0];
  }

  @Override
  public void freeEvent(long event) {
    context.requireOpen();
    Event found = Handles.find(events, event, "event");
    events.remove(found);
    context.checkRelease(JCudaDriver.cuEventDestroy(found), "freeing an event");
  }

  @Override
  public void synchronize() {
    context.requireUsable();
    context.check(JCudaDriver.cuStreamSynchronize(stream), "waiting for the device");
  }

  @Override
  public long stream() {
    return stream.value();
  }

  /** The stream for libraries of JCuda. */
  CUstream cudaStream() {
    return stream;
  }

  /** {@inheritDoc} Looks at no result: a lost context answers everything with an error. */
  @Override
  public void close() {
    if (!context.closed()) {
      abandonCapture();
      JCudaDriver.cuStreamSynchronize(stream);
      graphs.forEach(JCudaDriver::cuGraphExecDestroy);
      events.forEach(JCudaDriver::cuEventDestroy);
      memory.close();
      modules.forEach(JCudaDriver::cuModuleUnload);
      JCudaDriver.cuStreamDestroy(stream);
      context.close();
      arena.close();
    }
  }
}
