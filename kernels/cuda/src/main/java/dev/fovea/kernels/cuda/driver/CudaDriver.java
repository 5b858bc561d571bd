package dev.fovea.kernels.cuda.driver;

import java.lang.foreign.MemorySegment;

/**
 * What Fovea needs of the CUDA driver: one device, its primary context, one stream. Addresses and
 * handles are the driver's own 64-bit values; 0 is none.
 *
 * <p>All calls come from one thread, {@link #close} included. Copies, fills, launches and graphs
 * are put on the stream, run in order, and are known to be done after {@link #synchronize}. Every
 * method throws {@link CudaException} where the driver reports an error; an error of an earlier
 * launch may surface in any later call. After a {@linkplain CudaException.Kind#LOST loss} every
 * call throws, but those that free or close.
 */
public interface CudaDriver extends AutoCloseable {

  /** What the device is and can. */
  GpuFacts facts();

  /**
   * Compiles PTX for the device.
   *
   * @param ptx the text of one PTX module
   */
  long loadModule(String ptx);

  /**
   * Finds a kernel.
   *
   * @param sharedBytes dynamic shared memory that its launches will ask for, at most {@link
   *     GpuFacts#sharedBytesPerBlock}
   */
  long function(long module, String name, int sharedBytes);

  /** Allocates device memory, aligned to 256 bytes, its contents undefined. */
  long allocate(long bytes);

  /** Frees what {@link #allocate} gave. */
  void free(long address);

  /**
   * Allocates page-locked host memory, which copies reach without a detour; zeroed, under 2 GiB.
   */
  MemorySegment allocatePinned(long bytes);

  /** Frees what {@link #allocatePinned} gave. */
  void freePinned(MemorySegment segment);

  /**
   * Copies to the device, all of {@code source}. From pinned memory the copy may go on after the
   * return; from other native memory the source has been read when this returns.
   */
  void copyToDevice(long target, MemorySegment source);

  /** Copies from the device, as many bytes as {@code target} has; like {@link #copyToDevice}. */
  void copyToHost(MemorySegment target, long source);

  /** Sets every byte of a range. */
  void fill(long target, byte value, long bytes);

  /**
   * The {@value TensorMap#BYTES} bytes by which kernels for compute capability 9.0 know a matrix.
   */
  byte[] encode(TensorMap map);

  /** Starts a kernel. */
  void launch(Launch launch);

  /**
   * From here on, work put on the stream is not done but recorded; copies need pinned memory. A
   * recording that an error has interrupted is given up by the next one, and by freeing memory.
   */
  void beginCapture();

  /** Ends the recording and gives a graph that can be launched. */
  long endCapture();

  /** Does everything that was recorded, in order. */
  void launchGraph(long graph);

  /** Frees what {@link #endCapture} gave. */
  void freeGraph(long graph);

  /** Creates an event that takes time. */
  long createEvent();

  /** Puts an event on the stream. */
  void recordEvent(long event);

  /** Milliseconds between two events that have passed. */
  float millisBetween(long first, long second);

  /** Frees what {@link #createEvent} gave. */
  void freeEvent(long event);

  /** Waits until everything on the stream is done. */
  void synchronize();

  /** The stream's own handle, for libraries that put work on it. */
  long stream();

  /** Frees the modules, the stream and the context. What was allocated is gone. Idempotent. */
  @Override
  void close();
}
