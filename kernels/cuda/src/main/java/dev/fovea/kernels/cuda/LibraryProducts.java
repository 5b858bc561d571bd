package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.PlanBuilder.Kernel;
import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import dev.fovea.kernels.cuda.driver.MatrixProducts.ElementType;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Epilogue;
import dev.fovea.kernels.cuda.driver.MatrixProducts.Shape;

/**
 * Products of a library between kernels of ours, for comparison with the fused kernels. What a
 * library can do behind a product, it does. Bits may depend on the number of rows.
 */
final class LibraryProducts implements Products {

  private static final int THREADS = 128;
  private static final int ROWS_PER_BLOCK = THREADS / 32;

  private final MatrixProducts library;
  private final Precision precision;
  private final ElementType half;
  private final Kernel layerNorm;
  private final Kernel takeRows;
  private final Kernel activate;
  private final Kernel addProducts;

  /** Takes over the library. */
  LibraryProducts(CudaDriver driver, Precision precision, MatrixProducts library) {
    this.library = library;
    this.precision = precision;
    half = precision == Precision.F16 ? ElementType.F16 : ElementType.BF16;
    layerNorm = new KernelModule(driver, precision, "rows").kernel("layer_norm_half", THREADS, 0);
    KernelModule kernels = new KernelModule(driver, precision, "library");
    takeRows = kernels.kernel("take_rows", THREADS, 0);
    activate = kernels.kernel("activate", THREADS, 0);
    addProducts = kernels.kernel("add_products", THREADS, 0);
  }

  @Override
  public String description() {
    return "products by " + library.description();
  }

  @Override
  public boolean needTrial() {
    return true;
  }

  @Override
  public void normLinear(
      PlanBuilder plan,
      GpuTokens x,
      Rows rows,
      GpuPacked.NormLinear weights,
      Columns columns,
      GpuTokens y) {
    int perColumn = weights.activation() == Activation.SWIGLU ? 2 : 1;
    int firstRow = perColumn * columns.first();
    int outputs = perColumn * columns.count();
    int total = x.images() * rows.count();
    long normed = plan.memory().scratch(scratchBytes(total, x.stride(), outputs));
    normalise(plan, x, rows, weights.epsilon(), normed);
    long weight = weights.matrix().address() + (long) firstRow * x.stride() * Short.BYTES;
    Epilogue epilogue = epilogue(weights.activation());
    if (epilogue != Epilogue.NONE && library.fuses(epilogue) && rows.count() == y.rows()) {
      long target = y.half() + (long) columns.first() * Short.BYTES;
      long halfBias = halfBias(plan.memory(), weights.bias(), firstRow, outputs);
      Shape shape = shape(total, outputs, x.stride(), y.stride(), half, epilogue);
      plan.add(driver -> library.multiply(shape, normed, weight, halfBias, target));
      return;
    }
    long bias = weights.bias() + (long) firstRow * Float.BYTES;
    long products = behind(normed, total, x.stride());
    int stride = stride(outputs);
    Shape shape = shape(total, outputs, x.stride(), stride, ElementType.F32, Epilogue.NONE);
    plan.add(driver -> library.multiply(shape, normed, weight, 0, products));
    Arguments arguments =
        rows(plan.arguments().address(products).address(bias).address(y.half()), rows, total)
            .number(y.rows())
            .number(stride)
            .number(y.stride())
            .number(columns.first())
            .number(columns.count())
            .number(ProductKernels.code(weights.activation()));
    launch(plan, activate, total, arguments);
  }

  /** What a library may be able to do behind the product. */
  private static Epilogue epilogue(Activation activation) {
    return switch (activation) {
      case NONE -> Epilogue.BIAS;
      case GELU -> Epilogue.BIAS_GELU;
      case QUICK_GELU, SWIGLU -> Epilogue.NONE;
    };
  }

  /** A part of a bias in 16 bits, which is how libraries add it to 16-bit results. */
  private long halfBias(PlanMemory memory, long bias, int first, int count) {
    float[] numbers = memory.download(bias + (long) first * Float.BYTES, count);
    return memory.upload(precision.round(numbers));
  }

  /** Rows of x without gaps, normalised: gamma and beta are in the weights. */
  private void normalise(PlanBuilder plan, GpuTokens x, Rows rows, float epsilon, long target) {
    int total = x.images() * rows.count();
    Arguments arguments =
        plan.arguments().address(x.full()).address(0).address(target).address(0).address(0);
    rows(arguments, rows, total)
        .number(x.rows())
        .number(rows.count())
        .number(x.stride())
        .number(x.width())
        .number(1f / x.width())
        .number(epsilon);
    launch(plan, layerNorm, total, arguments);
  }

  @Override
  public void linearAdd(
      PlanBuilder plan, GpuTokens a, Rows rows, GpuPacked.LinearAdd weights, GpuTokens x) {
    int total = a.images() * rows.count();
    boolean whole = rows.count() == a.rows();
    long taken = plan.memory().scratch(scratchBytes(total, a.stride(), x.stride()));
    if (!whole) {
      Arguments arguments = plan.arguments().address(a.half()).address(taken);
      rows(arguments, rows, total).number(a.rows()).number(a.stride());
      launch(plan, takeRows, total, arguments);
    }
    long left = whole ? a.half() : taken;
    long products = behind(taken, total, a.stride());
    Shape shape = shape(total, x.width(), a.stride(), x.stride(), ElementType.F32, Epilogue.NONE);
    plan.add(driver -> library.multiply(shape, left, weights.matrix().address(), 0, products));
    Arguments arguments =
        plan.arguments().address(products).address(weights.gamma()).address(weights.bias());
    ProductKernels.residual(arguments, x);
    launch(plan, addProducts, total, rows(arguments, rows, total).number(x.rows()));
  }

  private Shape shape(
      int rows, int columns, int inner, int strideOfResult, ElementType result, Epilogue epilogue) {
    return new Shape(
        rows, columns, inner, inner, inner, strideOfResult, half, result, epilogue, false);
  }

  /** The structure Rows of fovea.cuh. */
  private static Arguments rows(Arguments arguments, Rows rows, int total) {
    return arguments.number(rows.first()).number(rows.count()).number(total);
  }

  private static void launch(PlanBuilder plan, Kernel kernel, int rows, Arguments arguments) {
    plan.launch(kernel, Math.ceilDiv(rows, ROWS_PER_BLOCK), 1, 1, arguments);
  }

  /** Numbers from one row of float32 products to the next. */
  private static int stride(int columns) {
    return Math.ceilDiv(columns, Tile.STEP) * Tile.STEP;
  }

  /** 16-bit rows, and products behind them. */
  private static long scratchBytes(int rows, int stride, int columns) {
    return behind(0, rows, stride) + (long) rows * stride(columns) * Float.BYTES;
  }

  private static long behind(long address, int rows, int stride) {
    return address + Math.ceilDiv((long) rows * stride * Short.BYTES, 256L) * 256;
  }

  @Override
  public void close() {
    library.close();
  }
}
