package dev.fovea.kernels.cuda.driver;

import dev.fovea.kernels.cuda.driver.MatrixProducts.ElementType;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Epilogue;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What {@link MatrixProductsTest} lets fresh processes multiply. Operands are whole numbers that
 * every type holds, and so are sums: results without GELU are exact.
 */
final class ProductsProbe {

  private static final int ROWS = 5;
  private static final int COLUMNS = 6;
  private static final int INNER = 11;
  private static final int STRIDE_A = 16;
  private static final int STRIDE_W = 24;
  private static final int STRIDE_C = 8;

  /** What C has before, its padding included. */
  private static final float BEFORE = 7;

  private final CudaDriver driver;
  private final MatrixProducts products;

  private ProductsProbe(CudaDriver driver, MatrixProducts products) {
    this.driver = driver;
    this.products = products;
  }

  public static void main(String[] arguments) {
    try (CudaDriver driver = CudaDrivers.open();
        MatrixProducts products =
            arguments[0].equals("cublas")
                ? MatrixProducts.cublas(driver)
                : MatrixProducts.cublasLt(driver)) {
      System.out.println(products.description());
      ProductsProbe probe = new ProductsProbe(driver, products);
      for (Epilogue epilogue : Epilogue.values()) {
        if (products.fuses(epilogue)) {
          probe.multiply(ElementType.F16, ElementType.F16, epilogue);
          probe.multiply(ElementType.F16, ElementType.F32, epilogue);
          probe.multiply(ElementType.BF16, ElementType.BF16, epilogue);
          probe.multiply(ElementType.BF16, ElementType.F32, epilogue);
        }
      }
    } catch (IllegalStateException e) {
      System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  private void multiply(ElementType operands, ElementType result, Epilogue epilogue) {
    for (boolean accumulate : new boolean[] {false, true}) {
      Shape shape =
          new Shape(
              ROWS,
              COLUMNS,
              INNER,
              STRIDE_A,
              STRIDE_W,
              STRIDE_C,
              operands,
              result,
              epilogue,
              accumulate);
      // The second time, the shape is known.
      check(shape, 1);
      check(shape, 2);
    }
  }

  private static int a(int row, int k) {
    return (3 * row + 5 * k) % 5 - 2;
  }

  private static int w(int column, int k) {
    return (column + 2 * k) % 4 - 1;
  }

  private static int bias(int column) {
    return 2 * column - 5;
  }

  private void check(Shape shape, int factor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocate(2L * ROWS * STRIDE_A);
      MemorySegment w = arena.allocate(2L * COLUMNS * STRIDE_W);
      MemorySegment bias = arena.allocate(4L * COLUMNS);
      MemorySegment c = arena.allocate((long) shape.result().bytes() * ROWS * STRIDE_C);
      for (int k = 0; k < INNER; k++) {
        for (int row = 0; row < ROWS; row++) {
          set(a, shape.operands(), row * STRIDE_A + k, factor * a(row, k));
        }
        for (int column = 0; column < COLUMNS; column++) {
          set(w, shape.operands(), column * STRIDE_W + k, w(column, k));
        }
      }
      for (int column = 0; column < COLUMNS; column++) {
        set(bias, shape.result(), column, bias(column));
      }
      for (int i = 0; i < ROWS * STRIDE_C; i++) {
        set(c, shape.result(), i, BEFORE);
      }
      long target = upload(c);
      long biasAddress = shape.epilogue() == Epilogue.NONE ? 0 : upload(bias);
      products.multiply(shape, upload(a), upload(w), biasAddress, target);
      driver.copyToHost(c, target);
      System.out.println(
          shape.epilogue()
              + " "
              + shape.operands()
              + " "
              + shape.result()
              + " wrong: "
              + wrong(shape, factor, c));
    }
  }

  private static int wrong(Shape shape, int factor, MemorySegment c) {
    int wrong = 0;
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < STRIDE_C; column++) {
        double expected = column < COLUMNS ? expected(shape, factor, row, column) : BEFORE;
        // Results of GELU are rounded once, after float32 arithmetic of a few operations.
        double tolerance =
            shape.epilogue() == Epilogue.BIAS_GELU && column < COLUMNS
                ? Math.abs(expected) * rounding(shape.result()) + 0x1p-20
                : 0;
        double actual = get(c, shape.result(), row * STRIDE_C + column);
        wrong += Math.abs(actual - expected) <= tolerance ? 0 : 1;
      }
    }
    return wrong;
  }

  private static double expected(Shape shape, int factor, int row, int column) {
    double sum = shape.accumulate() ? BEFORE : 0;
    for (int k = 0; k < INNER; k++) {
      sum += factor * a(row, k) * w(column, k);
    }
    if (shape.epilogue() == Epilogue.NONE) {
      return sum;
    }
    double x = sum + bias(column);
    return shape.epilogue() == Epilogue.BIAS
        ? x
        : x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  private static double rounding(ElementType type) {
    return switch (type) {
      case F32 -> 0x1p-20;
      case F16 -> 0x1p-11;
      case BF16 -> 0x1p-8;
    };
  }

  private long upload(MemorySegment segment) {
    long address = driver.allocate(segment.byteSize());
    driver.copyToDevice(address, segment);
    return address;
  }

  private static void set(MemorySegment matrix, ElementType type, long index, float value) {
    switch (type) {
      case F32 -> matrix.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
      case F16 -> matrix.setAtIndex(ValueLayout.JAVA_SHORT, index, Float.floatToFloat16(value));
      case BF16 ->
          matrix.setAtIndex(
              ValueLayout.JAVA_SHORT, index, (short) (Float.floatToRawIntBits(value) >>> 16));
    }
  }

  private static float get(MemorySegment matrix, ElementType type, long index) {
    return switch (type) {
      case F32 -> matrix.getAtIndex(ValueLayout.JAVA_FLOAT, index);
      case F16 -> Float.float16ToFloat(matrix.getAtIndex(ValueLayout.JAVA_SHORT, index));
      case BF16 -> Float.intBitsToFloat(matrix.getAtIndex(ValueLayout.JAVA_SHORT, index) << 16);
    };
  }
}
