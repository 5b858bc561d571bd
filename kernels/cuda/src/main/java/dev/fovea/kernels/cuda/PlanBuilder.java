package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.Launch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the kernels put their launches when a plan is built, in the order in which they will run.
 * Used on the CUDA thread only.
 */
final class PlanBuilder {

  /** Something that puts work on the driver's stream. */
  interface Step {

    /** Puts the work on the stream; called once, while the stream is captured. */
    void enqueue(CudaDriver driver);
  }

  private final Arena arena;
  private final PlanMemory memory;
  private final List<Step> steps = new ArrayList<>();
  private final List<Step> kernels = new ArrayList<>();
  private boolean behindKernel;

  /**
   * Starts a plan.
   *
   * @param arena where the arguments of launches live, as long as the plan
   */
  PlanBuilder(Arena arena, PlanMemory memory) {
    this.arena = arena;
    this.memory = memory;
  }

  /** The plan's memory on the device. */
  PlanMemory memory() {
    return memory;
  }

  /** Starts the structure that a kernel takes. */
  Arguments arguments() {
    return new Arguments(arena);
  }

  /** Adds a launch. */
  void launch(Kernel kernel, int gridX, int gridY, int gridZ, Arguments arguments) {
    add(kernel, gridX, gridY, gridZ, arguments, false);
  }

  /**
   * Adds a launch of a kernel that waits itself for the one in front of it. Behind anything but a
   * kernel it starts in order.
   */
  void launchEarly(Kernel kernel, int gridX, int gridY, int gridZ, Arguments arguments) {
    add(kernel, gridX, gridY, gridZ, arguments, behindKernel);
  }

  private void add(
      Kernel kernel, int gridX, int gridY, int gridZ, Arguments arguments, boolean early) {
    Launch launch =
        new Launch(
            kernel.name(),
            kernel.function(),
            gridX,
            gridY,
            gridZ,
            kernel.threads(),
            kernel.sharedBytes(),
            arguments.segment(),
            early);
    add(driver -> driver.launch(launch));
    behindKernel = true;
  }

  /** Adds a library's work. */
  void add(Step step) {
    steps.add(step);
    kernels.add(step);
    behindKernel = false;
  }

  /** Adds a copy of a result to pinned memory. */
  void copyToHost(MemorySegment host, long source) {
    steps.add(driver -> driver.copyToHost(host, source));
    behindKernel = false;
  }

  /** What was added so far only makes ready what a {@link Workbench} measures. */
  void preparationEnds() {
    kernels.clear();
    behindKernel = false;
  }

  List<Step> steps() {
    return steps;
  }

  /** The steps without copies and preparation. */
  List<Step> kernels() {
    return kernels;
  }

  /**
   * A kernel and what all its launches have in common.
   *
   * @param name its name in the PTX
   * @param function handle
   * @param threads threads of a block
   * @param sharedBytes dynamic shared memory of a block
   */
  record Kernel(String name, long function, int threads, int sharedBytes) {}
}
