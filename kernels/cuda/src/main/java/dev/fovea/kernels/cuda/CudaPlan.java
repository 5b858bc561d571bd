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
  private final long graph;
  private final Runnable replay;
  private boolean closed;

  /**
   * Takes over everything that the graph needs.
   *
   * @param pinned host memory of pixels and results
   * @param arena holds the arguments of the launches
   */
  CudaPlan(
      CudaDevice device, PlanMemory memory, List<MemorySegment> pinned, Arena arena, long graph) {
    this.device = device;
    this.memory = memory;
    this.pinned = pinned;
    this.arena = arena;
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
