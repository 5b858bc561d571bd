package dev.fovea.bench.gpu;

import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.EventTimer;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import dev.fovea.kernels.cuda.driver.MatrixProducts.ElementType;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Epilogue;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** How long a product alone takes a library of NVIDIA's. Used on one thread. */
final class LibraryTimer implements AutoCloseable {

  private final CudaDriver driver;
  private final MatrixProducts library;

  /**
   * Takes over the library.
   *
   * @param driver stays the caller's
   */
  LibraryTimer(CudaDriver driver, MatrixProducts library) {
    this.driver = driver;
    this.library = library;
  }

  /** The library and its version. */
  String description() {
    return library.description();
  }

  /** One operand set: addresses of A, W and C. */
  private record Operands(long a, long w, long c) {}

  /** Times {@code C = A W^T} with results in 16 bits, from graphs of many products. */
  Times time(int rows, int columns, int depth, WeightStorage precision, Scale scale) {
    ElementType type = precision == WeightStorage.BF16 ? ElementType.BF16 : ElementType.F16;
    Shape shape =
        new Shape(rows, columns, depth, depth, depth, columns, type, type, Epilogue.NONE, false);
    long bytes = 2L * ((long) rows * depth + (long) columns * depth + (long) rows * columns);
    List<Operands> sets = new ArrayList<>();
    try {
      for (int i = 0; i < VerbTimer.copies(scale.rotationBytes(), bytes); i++) {
        sets.add(
            new Operands(
                filled((long) rows * depth, precision),
                filled((long) columns * depth, precision),
                driver.allocate(2L * rows * columns)));
      }
      return time(shape, sets, scale);
    } finally {
      for (Operands set : sets) {
        driver.free(set.a());
        driver.free(set.w());
        driver.free(set.c());
      }
    }
  }

  private Times time(Shape shape, List<Operands> sets, Scale scale) {
    multiplyAll(shape, sets); // A library may load kernels for the first one.
    driver.synchronize();
    driver.beginCapture();
    multiplyAll(shape, sets);
    long graph = driver.endCapture();
    try {
      EventTimer timer = new EventTimer(driver);
      float once = timer.milliseconds(1, i -> driver.launchGraph(graph))[0];
      int rounds = Times.rounds(scale.rowSeconds(), once, scale.most());
      float[] all = timer.milliseconds(rounds, i -> driver.launchGraph(graph));
      return Times.of(all, sets.size());
    } finally {
      driver.freeGraph(graph);
    }
  }

  private void multiplyAll(Shape shape, List<Operands> sets) {
    sets.forEach(set -> library.multiply(shape, set.a(), set.w(), 0, set.c()));
  }

  /** Device memory of numbers around 0. */
  private long filled(long count, WeightStorage precision) {
    int block = (int) Math.min(count, 1 << 20);
    float[] numbers = Numbers.random("operand", block, 0, 1);
    long address = driver.allocate(2 * count);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(2L * block, 2);
      for (int i = 0; i < block; i++) {
        short bits =
            precision == WeightStorage.BF16
                ? (short) (Float.floatToRawIntBits(numbers[i]) >>> 16)
                : Float.floatToFloat16(numbers[i]);
        host.setAtIndex(ValueLayout.JAVA_SHORT, i, bits);
      }
      for (long at = 0; at < count; at += block) {
        driver.copyToDevice(address + 2 * at, host.asSlice(0, 2 * Math.min(block, count - at)));
      }
      driver.synchronize();
    }
    return address;
  }

  @Override
  public void close() {
    library.close();
  }
}
