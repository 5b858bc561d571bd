package dev.fovea.bench.gpu;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.Workbench;
import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.EventTimer;
import dev.fovea.kernels.cuda.driver.Launch;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/** What the machine can do at best: memory, tensor cores, and the cost of starting something. */
final class CeilingsStage implements Stage {

  private static final int THREADS = 512;

  /** Blocks of a copy for every processor: four at a time, some rounds. */
  private static final int BLOCKS = 16;

  /** Kernels of the graph whose nodes are to be told from its start. */
  private static final int NODES = 200;

  @Override
  public String name() {
    return "ceilings";
  }

  @Override
  public void run(Setting setting, Results results) {
    try (CudaDriver driver = setting.gpu().opening().get();
        Arena arena = Arena.ofConfined()) {
      long module = driver.loadModule(ptx());
      copies(driver, module, arena, setting.scale(), results);
      starts(driver, module, arena, setting.scale(), results);
    }
    libraryProducts(setting, results);
    ownProducts(setting, results);
  }

  private static String ptx() {
    try (InputStream in = CeilingsStage.class.getResourceAsStream("ceilings.ptx")) {
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void copies(
      CudaDriver driver, long module, Arena arena, Scale scale, Results results) {
    EventTimer timer = new EventTimer(driver);
    long bytes = scale.copiedBytes();
    int rounds = Math.min(20, scale.most());
    long source = driver.allocate(bytes);
    long target = driver.allocate(bytes);
    driver.fill(source, (byte) 1, bytes);
    Launch copy =
        new Launch(
            "copy",
            driver.function(module, "copy", 0),
            BLOCKS * driver.facts().processors(),
            1,
            1,
            THREADS,
            0,
            new Arguments(arena).address(source).address(target).address(bytes / 16).segment());
    add(
        results,
        "copy on the device",
        2 * bytes,
        timer.milliseconds(rounds, i -> driver.launch(copy)));
    long pinnedBytes = Math.min(bytes, 256L << 20);
    MemorySegment pinned = driver.allocatePinned(pinnedBytes);
    add(
        results,
        "copy from the host, pinned",
        pinnedBytes,
        timer.milliseconds(rounds, i -> driver.copyToDevice(target, pinned)));
    add(
        results,
        "copy to the host, pinned",
        pinnedBytes,
        timer.milliseconds(rounds, i -> driver.copyToHost(pinned, source)));
    driver.freePinned(pinned);
    driver.free(source);
    driver.free(target);
  }

  private static void add(Results results, String what, long bytes, float[] milliseconds) {
    Times times = Times.of(milliseconds, 1);
    results.add(
        Results.row(
            "what",
            what,
            "bytes",
            bytes,
            "milliseconds",
            times.median(),
            "gigabytes_per_second",
            bytes / times.median() / 1e6));
  }

  /** Kernels that do nothing: alone, in a graph, and the time of the thread that starts them. */
  private static void starts(
      CudaDriver driver, long module, Arena arena, Scale scale, Results results) {
    EventTimer timer = new EventTimer(driver);
    Launch nothing =
        new Launch(
            "nothing",
            driver.function(module, "nothing", 0),
            driver.facts().processors(),
            1,
            1,
            128,
            0,
            new Arguments(arena).address(0).segment());
    long one = graph(driver, nothing, 1);
    long many = graph(driver, nothing, NODES);
    int rounds = scale.most();
    double oneMillis =
        Times.of(timer.milliseconds(rounds, i -> driver.launchGraph(one)), 1).median();
    double manyMillis =
        Times.of(timer.milliseconds(rounds, i -> driver.launchGraph(many)), 1).median();
    results.add(
        Results.row(
            "what", "a graph of one kernel that does nothing", "microseconds", 1000 * oneMillis));
    results.add(
        Results.row(
            "what",
            "one more kernel in a graph",
            "microseconds",
            1000 * (manyMillis - oneMillis) / (NODES - 1)));
    addHost(results, "host: a launch", driver, rounds, () -> driver.launch(nothing));
    addHost(results, "host: a graph of one kernel", driver, rounds, () -> driver.launchGraph(one));
    addHost(
        results,
        "host: a graph of " + NODES + " kernels",
        driver,
        rounds,
        () -> driver.launchGraph(many));
    addHost(
        results,
        "host: a graph of one kernel, and waiting for it",
        driver,
        rounds,
        () -> {
          driver.launchGraph(one);
          driver.synchronize();
        });
    driver.freeGraph(one);
    driver.freeGraph(many);
  }

  private static long graph(CudaDriver driver, Launch launch, int times) {
    driver.beginCapture();
    for (int i = 0; i < times; i++) {
      driver.launch(launch);
    }
    return driver.endCapture();
  }

  private static void addHost(
      Results results, String what, CudaDriver driver, int rounds, Runnable work) {
    double[] microseconds = new double[rounds];
    for (int i = -rounds; i < rounds; i++) {
      long begin = System.nanoTime();
      work.run();
      if (i >= 0) {
        microseconds[i] = (System.nanoTime() - begin) / 1e3;
      }
      driver.synchronize(); // An empty queue: a full one would make the thread wait.
    }
    Times times = Times.of(microseconds);
    results.add(
        Results.row(
            "what", what, "microseconds", times.median(), "minimum_microseconds", times.minimum()));
  }

  private static void libraryProducts(Setting setting, Results results) {
    try (CudaDriver driver = setting.gpu().opening().get();
        LibraryTimer timer = new LibraryTimer(driver, MatrixProducts.cublasLt(driver))) {
      for (int side : setting.scale().squareProducts()) {
        Times times = timer.time(side, side, side, WeightStorage.F16, setting.scale());
        addProduct(results, timer.description(), side, times, null);
      }
    } catch (CudaException | IllegalArgumentException e) {
      results.add(Results.row("what", "a large product by cuBLASLt", "error", e.getMessage()));
    }
  }

  /** Our own products in their fastest tile. */
  private static void ownProducts(Setting setting, Results results) {
    Scale scale = setting.scale();
    for (int side : scale.squareProducts()) {
      try (Workbench bench = setting.gpu().workbench(WeightStorage.F16, "auto")) {
        for (boolean added : new boolean[] {false, true}) {
          ModelSize.Product product =
              new ModelSize.Product("square", side, side, Activation.NONE, added);
          // All images are alike, so that they need little memory of the host.
          Verb verb = Verbs.product(product, new Scale.Batch(0, 8), side / 8);
          bench.useTile(null);
          Times best = VerbTimer.time(bench, verb, scale, scale.rowSeconds());
          String tile = bench.tile();
          for (String other : bench.tiles()) {
            bench.useTile(other);
            Times times = VerbTimer.time(bench, verb, scale, scale.rowSeconds());
            if (times.median() < best.median()) {
              best = times;
              tile = other;
            }
          }
          addProduct(results, added ? "linearAdd" : "normLinear", side, best, tile);
        }
      }
    }
  }

  private static void addProduct(Results results, String by, int side, Times times, String tile) {
    results.add(
        Results.row(
            "what",
            "a product of %d x %d x %d by %s".formatted(side, side, side, by),
            "tile",
            tile,
            "milliseconds",
            times.median(),
            "teraflops",
            2.0 * side * side * side / times.median() / 1e9));
  }
}
