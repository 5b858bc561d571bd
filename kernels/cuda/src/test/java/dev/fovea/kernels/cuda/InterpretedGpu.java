package dev.fovea.kernels.cuda;

import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The kernels on the PTX interpreter, with the tiles that a test asks for. */
final class InterpretedGpu {

  /** A small one of compute capability 9.0 with 227 KB of shared memory. */
  static final GpuFacts HOPPER =
      new GpuFacts("PTX interpreter", 90, 4, 227 * 1024, 2L << 30, 13000);

  private static final Map<Kind, InterpretedGpu> OPEN = new HashMap<>();

  private record Kind(Precision precision, boolean hopper) {
    GpuFacts facts() {
      return hopper ? HOPPER : InterpretedDriver.SMALL;
    }
  }

  private final Kind kind;
  private final Precision precision;
  private final InterpretedDriver driver;
  private final CudaDevice device;
  private final GpuPacker packer;
  private final GpuKernels kernels;
  private TileChoice choice;

  private InterpretedGpu(Kind kind) {
    this.kind = kind;
    precision = kind.precision();
    driver = new InterpretedDriver(kind.facts());
    Multiplier multiplier = kind.hopper() ? Multiplier.HOPPER : Multiplier.PTX;
    device = new CudaDevice(() -> driver, precision, multiplier);
    packer = new GpuPacker(device, precision);
    kernels = device.call(() -> new GpuKernels(driver, precision, multiplier, this::choose));
  }

  /** One for all tests: reading the PTX takes longer than most of them. */
  static InterpretedGpu with(Precision precision) {
    return open(new Kind(precision, false));
  }

  /** One with the kernels for compute capability 9.0. */
  static InterpretedGpu hopper(Precision precision) {
    return open(new Kind(precision, true));
  }

  private static synchronized InterpretedGpu open(Kind kind) {
    return OPEN.computeIfAbsent(kind, InterpretedGpu::new);
  }

  /** What a test does, on the thread that the driver wants. */
  @FunctionalInterface
  interface Body {
    void run(Scene scene);
  }

  /** Runs a test with tiles of our own choice. */
  void run(Body body) {
    run(null, body);
  }

  /**
   * Runs a test with one tile. Tests share this and run side by side, their bodies one after
   * another: the tile is chosen where they do.
   */
  void run(Tile tile, Body body) {
    try {
      device.run(
          () -> {
            choice = tile == null ? TileChoice.fastest(kind.facts()) : (menu, product) -> tile;
            try (Scene scene = new Scene(driver, kernels, precision)) {
              body.run(scene);
            }
          });
    } catch (DeviceLostException e) {
      forget(kind);
      throw e;
    }
  }

  /** The next test gets another one. */
  private static synchronized void forget(Kind kind) {
    OPEN.remove(kind);
  }

  /** From now on blocks and warps have their turns in an order that the seed decides. */
  void shuffle(long seed) {
    device.run(() -> driver.shuffle(seed));
  }

  private Tile choose(List<Tile> menu, Product product) {
    return choice.choose(menu, product);
  }

  /** Packs weights for the kernels; not from inside a test's body. */
  GpuPacker packer() {
    return packer;
  }
}
