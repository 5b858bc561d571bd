package dev.fovea.kernels.cuda;

import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The kernels on the PTX interpreter, with the tiles that a test asks for. */
final class InterpretedGpu {

  private static final Map<Precision, InterpretedGpu> OPEN = new EnumMap<>(Precision.class);

  private final Precision precision;
  private final InterpretedDriver driver = new InterpretedDriver();
  private final CudaDevice device;
  private final GpuPacker packer;
  private final GpuKernels kernels;
  private TileChoice choice;

  private InterpretedGpu(Precision precision) {
    this.precision = precision;
    device = new CudaDevice(() -> driver, precision, Multiplier.PTX);
    packer = new GpuPacker(device, precision);
    kernels = device.call(() -> new GpuKernels(driver, precision, Multiplier.PTX, this::choose));
  }

  /** One for all tests: reading the PTX takes longer than most of them. */
  static synchronized InterpretedGpu with(Precision precision) {
    return OPEN.computeIfAbsent(precision, InterpretedGpu::new);
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

  /** Runs a test with one tile. */
  void run(Tile tile, Body body) {
    choice = tile == null ? TileChoice.fastest(InterpretedDriver.SMALL) : (menu, product) -> tile;
    try {
      device.run(
          () -> {
            try (Scene scene = new Scene(driver, kernels, precision)) {
              body.run(scene);
            }
          });
    } catch (DeviceLostException e) {
      forget(precision);
      throw e;
    }
  }

  /** The next test gets another one. */
  private static synchronized void forget(Precision precision) {
    OPEN.remove(precision);
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
