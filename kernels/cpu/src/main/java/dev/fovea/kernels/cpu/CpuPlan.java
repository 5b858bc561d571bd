package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Plan;

/** Steps that run one after another, each on all threads of the device. */
final class CpuPlan implements Plan {

  private final CpuDevice device;
  private final long bytes;
  private volatile Task[] steps;

  CpuPlan(CpuDevice device, Task[] steps, long bytes) {
    this.device = device;
    this.steps = steps;
    this.bytes = bytes;
  }

  @Override
  public void run() {
    Task[] current = steps;
    if (current == null) {
      throw new IllegalStateException("the plan is closed; record a new one");
    }
    device.workers().run(current);
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    steps = null;
  }
}
