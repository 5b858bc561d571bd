package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Callable;
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
  private volatile boolean closed;

  /**
   * Opens a device.
   *
   * @param opening opens the driver; called on the thread that will use it
   */
  CudaDevice(Supplier<CudaDriver> opening, Precision precision) {
    this.precision = precision;
    try {
      driver = thread.call(opening::get);
    } catch (RuntimeException | Error e) {
      thread.close();
      throw e;
    }
    try {
      facts = thread.call(driver::facts);
      kernels = thread.call(() -> new GpuKernels(driver, precision));
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
    packer = new GpuPacker(this, precision);
  }

  @Override
  public String description() {
    return "CUDA, %s, compute capability %d.%d, %d processors, %s"
        .formatted(
            facts.name(),
            facts.capability() / 10,
            facts.capability() % 10,
            facts.processors(),
            precision);
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
    return thread.call(task);
  }

  /** Runs on the CUDA thread. */
  void run(Runnable task) {
    thread.run(task);
  }

  /** Runs on the CUDA thread; does nothing if the device is closed, and all its memory with it. */
  void runUnlessClosed(Runnable task) {
    if (!closed) {
      thread.run(task);
    }
  }

  /** Copies host memory to new device memory, which lives until the device is closed. */
  long upload(MemorySegment source) {
    return thread.call(
        () -> {
          long address = driver.allocate(source.byteSize());
          driver.copyToDevice(address, source);
          driver.synchronize();
          return address;
        });
  }

  /** Page-locked host memory, zeroed. */
  MemorySegment allocatePinned(long bytes) {
    return thread.call(() -> driver.allocatePinned(bytes));
  }

  @Override
  public Packed<PatchEmbedWeights> pack(PatchEmbedWeights weights) {
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

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      try {
        thread.run(driver::close);
      } finally {
        thread.close();
      }
    }
  }
}
