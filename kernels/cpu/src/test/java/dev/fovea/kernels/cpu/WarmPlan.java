package dev.fovea.kernels.cpu;

import com.sun.management.ThreadMXBean;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * A main class for {@link FreshJvm}: runs a plan with every verb and activation until it is
 * compiled, then prints how many bytes its threads allocate in further runs.
 */
final class WarmPlan {

  private WarmPlan() {}

  /** Arguments: number of runs to warm up, and to measure; how weights are stored. */
  public static void main(String[] arguments) {
    DeviceOptions options = new DeviceOptions("auto", 2, WeightStorage.valueOf(arguments[2]));
    try (Device device = new CpuDeviceProvider().open(options)) {
      System.out.println(device.description());
      Recorder recorder = device.record();
      SmallVit vit = new SmallVit(device, recorder, 2, SmallVit.ALL);
      quickGelu(device, recorder, vit);
      HostBuffer result = vit.pooled(recorder, Pooling.CLS_MEAN);
      try (Plan plan = recorder.build()) {
        for (int run = 0; run < Integer.parseInt(arguments[0]); run++) {
          plan.run();
        }
        System.out.println("allocated " + leastAllocated(plan, Integer.parseInt(arguments[1])));
      }
      System.out.println("result of " + result.host().byteSize());
    }
  }

  private static void quickGelu(Device device, Recorder recorder, SmallVit vit) {
    int width = vit.x.width();
    NormWeights norm = new NormWeights(new float[width], new float[width], 1);
    Tokens y = recorder.tokens(vit.x.images(), vit.x.rows(), width);
    recorder.normLinear(
        vit.x,
        Rows.all(vit.x),
        device.pack(
            new NormLinearWeights(
                norm, new float[width * width], new float[width], Activation.QUICK_GELU)),
        Columns.all(y),
        y);
  }

  /** Of three measurements, so that the virtual machine's own doings do not count. */
  private static long leastAllocated(Plan plan, int runs) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    List<Long> computing =
        Thread.getAllStackTraces().keySet().stream()
            .filter(
                t -> t.equals(Thread.currentThread()) || t.getName().startsWith("fovea-worker-"))
            .map(Thread::threadId)
            .toList();
    if (computing.size() != 2) {
      throw new IllegalStateException("expected 2 computing threads, found " + computing.size());
    }
    long[] ids = computing.stream().mapToLong(Long::longValue).toArray();
    long[] before = new long[ids.length];
    long least = Long.MAX_VALUE;
    for (int measurement = 0; measurement < 3; measurement++) {
      for (int i = 0; i < ids.length; i++) {
        before[i] = threads.getThreadAllocatedBytes(ids[i]);
      }
      for (int run = 0; run < runs; run++) {
        plan.run();
      }
      long total = 0;
      for (int i = 0; i < ids.length; i++) {
        total += threads.getThreadAllocatedBytes(ids[i]) - before[i];
      }
      least = Math.min(least, total);
    }
    return least;
  }
}
