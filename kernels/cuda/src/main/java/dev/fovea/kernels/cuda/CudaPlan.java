package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Plan;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** One graph: pixels to the device, the kernels, results back. */
final class CudaPlan implements Plan {

  private final CudaDevice device;
  private final PlanMemory memory;
  private final List<MemorySegment> pinned;
  private final Arena arena;
  private final List<PlanBuilder.Step> kernels;
  private final long graph;
  private final Runnable replay;
  private boolean closed;

  /**
   * Takes over everything that the graph needs.
   *
   * @param pinned host memory of pixels and results
   * @param arena holds the arguments of the launches
   * @param kernels the graph's steps without copies between host and device
   */
  CudaPlan(
      CudaDevice device,
      PlanMemory memory,
      List<MemorySegment> pinned,
      Arena arena,
      List<PlanBuilder.Step> kernels,
      long graph) {
    this.device = device;
    this.memory = memory;
    this.pinned = pinned;
    this.arena = arena;
    this.kernels = kernels;
    this.graph = graph;
    this.replay = this::replay;
  }

  @Override
  public void run() {
    device.run(replay);
  }

  private void replay() {
    if (closed) {
      throw new IllegalStateException("the plan is closed; record a new one");
    }
    CudaDriver driver = device.driver();
    driver.launchGraph(graph);
    driver.synchronize();
  }

  /** The whole graph, for who launches it without waiting. Used on the CUDA thread. */
  long graph() {
    return graph;
  }

  /**
   * Records another graph, of the kernels alone: they read the pixels that the last run has brought
   * to the device. The caller frees it. Used on the CUDA thread.
   */
  long recordKernels() {
    CudaDriver driver = device.driver();
    driver.beginCapture();
    kernels.forEach(step -> step.enqueue(driver));
    return driver.endCapture();
  }

  @Override
  public long bytes() {
    return memory.bytes() + pinned.stream().mapToLong(MemorySegment::byteSize).sum();
  }

  @Override
  public void close() {
    device.release(
        () -> {
          if (!closed) {
            closed = true;
            device.driver().freeGraph(graph);
            memory.close();
            pinned.forEach(device.driver()::freePinned);
            arena.close();
          }
        });
  }
}
