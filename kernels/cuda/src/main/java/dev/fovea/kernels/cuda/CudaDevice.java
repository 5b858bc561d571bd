package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** One GPU: its driver, its kernels, its one thread, and the weights it holds. */
final class CudaDevice implements Device {

  private final CudaThread thread = new CudaThread();
  private final Precision precision;
  private final CudaDriver driver;
  private final GpuFacts facts;
  private final GpuKernels kernels;
  private final GpuPacker packer;

  /** Of the network that was packed; 0 before that. */
  private volatile int width;

  private volatile boolean closed;
  private volatile boolean lost;

  /**
   * Opens a device.
   *
   * @param opening opens the driver; called on the thread that will use it
   */
  CudaDevice(Supplier<CudaDriver> opening, Precision precision, Multiplier multiplier) {
    this(opening, precision, multiplier, TileChoice::best);
  }

  /** The same with another opinion on tiles. */
  CudaDevice(
      Supplier<CudaDriver> opening,
      Precision precision,
      Multiplier multiplier,
      Function<GpuFacts, TileChoice> choice) {
    this.precision = precision;
    try {
      driver = call(opening::get);
    } catch (RuntimeException | Error e) {
      thread.close();
      throw e;
    }
    try {
      facts = call(driver::facts);
      kernels = call(() -> new GpuKernels(driver, precision, multiplier, choice.apply(facts)));
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
    packer = new GpuPacker(this, precision);
  }

  @Override
  public String description() {
    return "CUDA, %s, compute capability %d.%d, %d processors, %s, %s"
        .formatted(
            facts.name(),
            facts.capability() / 10,
            facts.capability() % 10,
            facts.processors(),
            precision,
            kernels.products().description());
  }

  @Override
  public int batchTokens() {
    return MicroBatch.tokens(facts, width);
  }

  GpuFacts facts() {
    return facts;
  }

  Precision precision() {
    return precision;
  }

  /** Used on the CUDA thread only. */
  CudaDriver driver() {
    return driver;
  }

  GpuKernels kernels() {
    return kernels;
  }

  /** Runs on the CUDA thread and returns the result. */
  <T> T call(Callable<T> task) {
    try {
      return thread.call(task);
    } catch (CudaException e) {
      throw translated(e);
    }
  }

  /** Runs on the CUDA thread. */
  void run(Runnable task) {
    try {
      thread.run(task);
    } catch (CudaException e) {
      throw translated(e);
    }
  }

  /** Gives something back on the CUDA thread, unless closing or losing the device has done that. */
  void release(Runnable task) {
    if (!closed && !lost) {
      run(task);
    }
  }

  /** What users of a device are told: never returns. */
  private RuntimeException translated(CudaException e) {
    switch (e.kind()) {
      case OUT_OF_MEMORY -> throw new OutOfMemoryError(e.getMessage());
      case LOST -> {
        lost = true;
        throw new DeviceLostException(e.getMessage(), e);
      }
      default -> throw e;
    }
  }

  /** Copies host memory to new device memory, which lives until the device is closed. */
  long upload(MemorySegment source) {
    return call(
        () -> {
          long address = driver.allocate(source.byteSize());
          driver.copyToDevice(address, source);
          driver.synchronize();
          return address;
        });
  }

  /** Page-locked host memory, zeroed. */
  MemorySegment allocatePinned(long bytes) {
    return call(() -> driver.allocatePinned(bytes));
  }

  @Override
  public boolean leavesProcessorsIdle() {
    return true;
  }

  @Override
  public void checkHeads(int width, int heads) {
    AttentionKernels.checkHeads(width, heads);
  }

  @Override
  public Packed<PatchEmbedWeights> pack(PatchEmbedWeights weights) {
    width = weights.width();
    return packer.pack(weights);
  }

  @Override
  public Packed<NormLinearWeights> pack(NormLinearWeights weights) {
    return packer.pack(weights);
  }

  @Override
  public Packed<LinearAddWeights> pack(LinearAddWeights weights) {
    return packer.pack(weights);
  }

  @Override
  public Packed<NormWeights> pack(NormWeights weights) {
    return packer.pack(weights);
  }

  /** {@inheritDoc} The threads are those of the common pool: what they do here is packing. */
  @Override
  public void forAll(int count, IntConsumer piece) {
    IntStream.range(0, count).parallel().forEach(piece);
  }

  @Override
  public Recorder record() {
    return new CudaRecorder(this);
  }

  private void closeOnDevice() {
    try {
      if (kernels != null) {
        kernels.products().close();
      }
    } finally {
      driver.close();
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      try {
        thread.run(this::closeOnDevice);
      } finally {
        thread.close();
      }
    }
  }
}
