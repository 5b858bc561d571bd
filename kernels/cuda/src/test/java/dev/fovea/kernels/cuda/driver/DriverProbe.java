package dev.fovea.kernels.cuda.driver;

import com.sun.management.ThreadMXBean;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.CudaDeviceProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.Arrays;

/** What {@link CudaDriversTest} lets fresh processes do with the driver; prints what came. */
final class DriverProbe {

  private static final int COUNT = 5;
  private static final int BYTES = COUNT * Float.BYTES;

  private final CudaDriver driver;
  private final Arena arena;

  private DriverProbe(CudaDriver driver, Arena arena) {
    this.driver = driver;
    this.arena = arena;
  }

  public static void main(String[] arguments) {
    String before = System.getProperty("java.io.tmpdir");
    if (arguments[0].equals("diagnosis")) {
      System.out.println(new CudaDeviceProvider().diagnosis());
      System.out.println(new CudaDeviceProvider().diagnosis());
    } else if (arguments[0].equals("device")) {
      new CudaDeviceProvider().open(new DeviceOptions("auto", 1, WeightStorage.F32)).close();
    } else {
      attempt(() -> run(arguments[0]));
    }
    System.out.println(
        "temporary folder as before: " + System.getProperty("java.io.tmpdir").equals(before));
  }

  private static void run(String what) {
    try (Arena arena = Arena.ofConfined();
        CudaDriver driver = CudaDrivers.open()) {
      DriverProbe probe = new DriverProbe(driver, arena);
      switch (what) {
        case "open" -> System.out.println(driver.facts());
        case "everything" -> probe.everything();
        case "module" -> driver.loadModule("ptx");
        case "kernel" -> probe.kernel("shrink", 0);
        case "replay" -> probe.replay();
        case "memory" -> probe.memory();
        case "loss" -> probe.loss();
        case "interruption" -> probe.interruption();
        case "hopper" -> probe.hopper();
        case "mistakes" -> probe.mistakes();
        default -> throw new IllegalArgumentException(what);
      }
    }
  }

  private static void attempt(Runnable action) {
    try {
      action.run();
    } catch (RuntimeException e) {
      String kind = e instanceof CudaException failure ? failure.kind() + " " : "";
      System.out.println(e.getClass().getSimpleName() + ": " + kind + e.getMessage());
    }
  }

  private long kernel(String name, int sharedBytes) {
    return driver.function(driver.loadModule("ptx"), name, sharedBytes);
  }

  private Launch scale(long address, float factor, int sharedBytes) {
    MemorySegment arguments =
        new Arguments(arena).address(address).number(COUNT).number(factor).segment();
    return new Launch("scale", kernel("scale", sharedBytes), 3, 2, 1, 64, sharedBytes, arguments);
  }

  private void everything() {
    long address = driver.allocate(BYTES);
    MemorySegment in = driver.allocatePinned(BYTES);
    MemorySegment out = driver.allocatePinned(BYTES);
    print("pinned", in);
    write(in, 1, 2, 3, 4, 5);
    driver.copyToDevice(address, in);
    driver.launch(scale(address, 10, 0));
    driver.copyToHost(out, address);
    driver.synchronize();
    print("launched", out);

    // A launch takes its arguments when it is recorded, pixels are copied when the graph runs.
    Launch launch = scale(address, 2, 60_000);
    driver.beginCapture();
    driver.copyToDevice(address, in);
    driver.launch(launch);
    driver.fill(address, (byte) 0, Float.BYTES);
    driver.copyToHost(out, address);
    long graph = driver.endCapture();
    launch.arguments().fill((byte) 0);
    print("recorded", out);
    write(in, 5, 6, 7, 8, 9);
    driver.launchGraph(graph);
    driver.synchronize();
    print("replayed", out);
    driver.freeGraph(graph);

    long first = driver.createEvent();
    long second = driver.createEvent();
    driver.recordEvent(first);
    driver.recordEvent(second);
    driver.synchronize();
    System.out.println("milliseconds " + driver.millisBetween(first, second));
    driver.freeEvent(first);
    driver.freeEvent(second);

    MemorySegment ordinary = arena.allocate(BYTES);
    driver.copyToHost(ordinary, address);
    print("ordinary", ordinary);
    driver.copyToDevice(address, ordinary);
    driver.freePinned(in);
    attempt(() -> in.get(ValueLayout.JAVA_BYTE, 0));
    driver.free(address);
    System.out.println("stream " + Long.toHexString(driver.stream()));
    driver.close();
    attempt(driver::synchronize);
  }

  private void replay() {
    long address = driver.allocate(BYTES);
    driver.fill(address, (byte) 0, BYTES);
    Launch launch = scale(address, 1, 0);
    driver.beginCapture();
    driver.launch(launch);
    long graph = driver.endCapture();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = 0;
    for (int i = 0; i < 1000; i++) {
      if (i == 500) {
        before = threads.getCurrentThreadAllocatedBytes();
      }
      driver.launchGraph(graph);
      driver.synchronize();
    }
    System.out.println("allocated " + (threads.getCurrentThreadAllocatedBytes() - before));
  }

  private void hopper() {
    byte[] map = driver.encode(new TensorMap(0x1000, 192, 30, 2, 384, 30 * 384, 128));
    System.out.println("map of %d bytes, %d and %d".formatted(map.length, map[0], map[127]));
    long address = driver.allocate(BYTES);
    driver.copyToDevice(address, arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5));
    Launch scale = scale(address, 3, 60_000);
    driver.launch(
        new Launch(
            scale.name(),
            scale.function(),
            scale.gridX(),
            scale.gridY(),
            scale.gridZ(),
            scale.threads(),
            scale.sharedBytes(),
            scale.arguments(),
            true));
    MemorySegment out = arena.allocate(BYTES);
    driver.copyToHost(out, address);
    print("launched", out);
  }

  private void memory() {
    driver.allocate(1000);
    attempt(() -> driver.allocate(5000));
    driver.allocate(2000);
    System.out.println("went on");
  }

  private void loss() {
    long address = driver.allocate(BYTES);
    MemorySegment pinned = driver.allocatePinned(BYTES);
    long event = driver.createEvent();
    Launch launch = scale(address, 1, 0);
    attempt(() -> driver.launch(launch));
    attempt(() -> driver.launch(launch));
    attempt(() -> driver.copyToDevice(address, pinned));
    attempt(driver::synchronize);
    attempt(driver::createEvent);
    driver.free(address);
    driver.freePinned(pinned);
    driver.freeEvent(event);
    driver.close();
    driver.close();
    try (CudaDriver again = CudaDrivers.open()) {
      again.synchronize();
      System.out.println("opened again");
    }
  }

  private void interruption() {
    long address = driver.allocate(BYTES);
    MemorySegment pinned = driver.allocatePinned(BYTES);
    driver.beginCapture();
    attempt(() -> driver.copyToDevice(address, arena.allocate(BYTES)));
    driver.free(address);
    attempt(driver::endCapture);
    long other = driver.allocate(BYTES);
    driver.beginCapture();
    driver.beginCapture();
    driver.copyToDevice(other, pinned);
    driver.freeGraph(driver.endCapture());
    driver.beginCapture();
  }

  private void mistakes() {
    attempt(() -> driver.allocate(0));
    attempt(() -> driver.allocatePinned(1L << 31));
    attempt(() -> driver.free(64));
    attempt(() -> driver.freePinned(arena.allocate(BYTES)));
    attempt(() -> driver.copyToDevice(64, MemorySegment.ofArray(new byte[4])));
    attempt(() -> driver.launchGraph(64));
  }

  private static void write(MemorySegment segment, float... values) {
    segment.copyFrom(MemorySegment.ofArray(values));
  }

  private static void print(String what, MemorySegment segment) {
    System.out.println(what + " " + Arrays.toString(segment.toArray(ValueLayout.JAVA_FLOAT)));
  }
}
