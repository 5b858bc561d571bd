package dev.fovea;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recorder;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * A kind of device named "test" for tests of what goes wrong: it is the CPU, but fails when it is
 * told to, knows other kernels ("fast"), and counts what is open.
 */
final class TestDevices implements DeviceProvider {

  /** Never. */
  private static final int NEVER = Integer.MAX_VALUE;

  private final DeviceProvider cpu =
      Placement.installed().stream()
          .filter(provider -> provider.name().equals("cpu"))
          .findFirst()
          .orElseThrow();

  private Throwable refusal;
  private String unsuitable;
  private String unsuitableHeads;
  private volatile int mostImages = NEVER;
  private int batchTokens = 512;
  private boolean leavesProcessorsIdle;
  private final AtomicInteger packsLeft = new AtomicInteger(NEVER);
  private final AtomicInteger runsLeft = new AtomicInteger(NEVER);
  private final AtomicInteger recordingsLeft = new AtomicInteger(NEVER);

  /** Devices, plans and recorders that have not been closed. */
  private final AtomicInteger open = new AtomicInteger();

  /** Images of every recorded plan. */
  private final List<Integer> batches = Collections.synchronizedList(new ArrayList<>());

  /** Cannot be opened. */
  TestDevices refuseToOpen(Throwable reason) {
    refusal = reason;
    return this;
  }

  /** Cannot hold the values of the weights. */
  TestDevices refuseWeights(String reason) {
    unsuitable = reason;
    return this;
  }

  /** Has no kernels for the heads of any model. */
  TestDevices refuseHeads(String reason) {
    unsuitableHeads = reason;
    return this;
  }

  /** Has memory for so many packed weights. */
  TestDevices withRoomFor(int packs) {
    packsLeft.set(packs);
    return this;
  }

  /** Is lost after so many runs. */
  TestDevices lostAfter(int runs) {
    runsLeft.set(runs);
    return this;
  }

  /** Has memory for so many plans, and then, once, not for another. */
  TestDevices shortOfMemoryAfter(int recordings) {
    recordingsLeft.set(recordings);
    return this;
  }

  /** Has, from now on, memory for a plan of so many images, and for none that is larger. */
  TestDevices withRoomForImages(int images) {
    mostImages = images;
    return this;
  }

  /** Has, from now on, no memory for a plan, even where there is no other. */
  TestDevices withoutRoomForPlans() {
    return withRoomForImages(0);
  }

  /** Wants so many tokens in a plan. */
  TestDevices withBatchTokens(int tokens) {
    batchTokens = tokens;
    return this;
  }

  /** Computes somewhere else, or so it says. */
  TestDevices leavingProcessorsIdle() {
    leavesProcessorsIdle = true;
    return this;
  }

  int open() {
    return open.get();
  }

  List<Integer> batches() {
    return List.copyOf(batches);
  }

  /** Every device that a model can be opened on. */
  List<DeviceProvider> andCpu() {
    return List.of(cpu, this);
  }

  @Override
  public String name() {
    return "test";
  }

  @Override
  public String diagnosis() {
    return "a device for tests";
  }

  @Override
  public Device open(DeviceOptions options) {
    switch (refusal) {
      case null -> {}
      case Error error -> throw error;
      case RuntimeException exception -> throw exception;
      default -> throw new AssertionError(refusal);
    }
    if (!List.of("auto", "fast").contains(options.kernels())) {
      throw new IllegalArgumentException("kernels must be auto or fast, got " + options.kernels());
    }
    open.incrementAndGet();
    return new TestDevice(
        cpu.open(new DeviceOptions("auto", options.threads(), options.storage())));
  }

  /** The CPU with faults. */
  private final class TestDevice implements Device {

    private final Device device;

    TestDevice(Device device) {
      this.device = device;
    }

    @Override
    public String description() {
      return "a device for tests";
    }

    @Override
    public int batchTokens() {
      return batchTokens;
    }

    @Override
    public boolean leavesProcessorsIdle() {
      return leavesProcessorsIdle;
    }

    @Override
    public void checkHeads(int width, int heads) {
      if (unsuitableHeads != null) {
        throw new IllegalStateException(unsuitableHeads);
      }
    }

    @Override
    public Packed<PatchEmbedWeights> pack(PatchEmbedWeights weights) {
      check();
      return device.pack(weights);
    }

    @Override
    public Packed<NormLinearWeights> pack(NormLinearWeights weights) {
      check();
      return device.pack(weights);
    }

    @Override
    public Packed<LinearAddWeights> pack(LinearAddWeights weights) {
      check();
      return device.pack(weights);
    }

    @Override
    public Packed<NormWeights> pack(NormWeights weights) {
      check();
      return device.pack(weights);
    }

    private void check() {
      if (unsuitable != null) {
        throw new IllegalArgumentException(unsuitable);
      }
      if (packsLeft.getAndDecrement() <= 0) {
        throw new OutOfMemoryError("the device has no room for these weights");
      }
    }

    @Override
    public void forAll(int count, IntConsumer piece) {
      device.forAll(count, piece);
    }

    @Override
    public Recorder record() {
      checkUsable();
      return recorder(device.record());
    }

    @Override
    public void close() {
      open.decrementAndGet();
      device.close();
    }
  }

  /** Passes everything on, but counts, wraps the plan, and may run out of memory. */
  private Recorder recorder(Recorder recorder) {
    open.incrementAndGet();
    return (Recorder)
        Proxy.newProxyInstance(
            Recorder.class.getClassLoader(),
            new Class<?>[] {Recorder.class},
            (proxy, method, arguments) -> {
              switch (method.getName()) {
                case "close" -> open.decrementAndGet();
                case "rgb", "planes" -> batches.add((Integer) arguments[0]);
                case "build" -> {
                  if (batches.getLast() > mostImages || recordingsLeft.getAndDecrement() == 0) {
                    throw new OutOfMemoryError("the device has no room for this plan");
                  }
                  return plan(recorder.build());
                }
                default -> {}
              }
              try {
                return method.invoke(recorder, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private Plan plan(Plan plan) {
    open.incrementAndGet();
    return new Plan() {
      @Override
      public void run() {
        runsLeft.updateAndGet(left -> left == NEVER ? NEVER : left - 1);
        checkUsable();
        plan.run();
      }

      @Override
      public long bytes() {
        return plan.bytes();
      }

      @Override
      public void close() {
        open.decrementAndGet();
        plan.close();
      }
    };
  }

  private void checkUsable() {
    if (runsLeft.get() < 0) {
      throw new DeviceLostException("the test device has met a fault in a kernel");
    }
  }
}
