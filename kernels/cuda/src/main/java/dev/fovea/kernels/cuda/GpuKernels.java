package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.PlanBuilder.Kernel;
import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;

/**
 * Adds the launches of every verb to a plan. Structures of arguments are written member by member
 * as the sources in {@code src/main/cuda} declare them. Used on the CUDA thread only.
 */
final class GpuKernels {

  private static final int WARP = 32;
  private static final int THREADS = 128;
  private static final int POOL_THREADS = 512;
  private static final int ROWS_PER_BLOCK = THREADS / WARP;

  private final ProductKernels own;
  private final Products products;
  private final RegisterKernels registers;
  private final AttentionKernels attention;
  private final Kernel norm;
  private final Kernel pool;
  private final Kernel normalize;
  private final Kernel gatherFull;
  private final Kernel gatherHalf;
  private final Kernel narrow;
  private final Kernel widen;

  /** Loads all kernels. */
  GpuKernels(CudaDriver driver, Precision precision, Multiplier multiplier) {
    this(driver, precision, multiplier, TileChoice.best(driver.facts()));
  }

  /** The same with another opinion on tiles. */
  GpuKernels(CudaDriver driver, Precision precision, Multiplier multiplier, TileChoice choice) {
    own = new ProductKernels(driver, precision, choice);
    products = multiplier.open(driver, precision, own, choice);
    registers = new RegisterKernels(driver, precision);
    attention = new AttentionKernels(driver, precision, products instanceof HopperProducts);
    KernelModule rows = new KernelModule(driver, precision, "rows");
    norm = rows.kernel("norm", THREADS, 0);
    pool = rows.kernel("pool", POOL_THREADS, 0);
    normalize = rows.kernel("normalize", THREADS, 0);
    gatherFull = rows.kernel("gather_full", THREADS, 0);
    gatherHalf = rows.kernel("gather_half", THREADS, 0);
    narrow = rows.kernel("narrow", THREADS, 0);
    widen = rows.kernel("widen", THREADS, 0);
  }

  Products products() {
    return products;
  }

  RegisterKernels registers() {
    return registers;
  }

  /** Leaves x in {@link Form#RESIDUAL}. */
  void patchEmbed(
      PlanBuilder plan,
      GpuPixels pixels,
      GpuPacked.PatchEmbed weights,
      PositionTable positions,
      GpuTokens x) {
    own.patchEmbed(plan, pixels, weights, positions, x);
  }

  /** Reads x in {@link Form#RESIDUAL} and writes y in {@link Form#HALF}. */
  void normLinear(
      PlanBuilder plan,
      GpuTokens x,
      Rows rows,
      GpuPacked.NormLinear weights,
      Columns columns,
      GpuTokens y) {
    products.normLinear(plan, x, rows, weights, columns, y);
  }

  /** Reads a in {@link Form#HALF}; reads and leaves x in {@link Form#RESIDUAL}. */
  void linearAdd(
      PlanBuilder plan, GpuTokens a, Rows rows, GpuPacked.LinearAdd weights, GpuTokens x) {
    products.linearAdd(plan, a, rows, weights, x);
  }

  /** Reads and writes {@link Form#HALF}. */
  void attention(PlanBuilder plan, GpuTokens qkv, int heads, Rows queries, GpuTokens y) {
    attention.attention(plan, qkv, heads, queries, y);
  }

  /** Reads {@link Form#HALF} and writes {@link Form#FULL}. */
  void probabilities(
      PlanBuilder plan, GpuTokens qkv, int heads, Rows watched, GpuTokens probabilities) {
    attention.probabilities(plan, qkv, heads, watched, probabilities);
  }

  /** Reads and writes {@link Form#FULL}; may work in place. */
  void norm(PlanBuilder plan, GpuTokens x, Rows rows, GpuPacked.Norm weights, GpuTokens y) {
    Arguments arguments =
        plan.arguments()
            .address(x.full())
            .address(y.full())
            .address(0)
            .address(weights.weight())
            .address(weights.bias());
    int total = x.images() * rows.count();
    arguments
        .number(rows.first())
        .number(rows.count())
        .number(total)
        .number(x.rows())
        .number(y.rows())
        .number(x.stride())
        .number(x.width())
        .number(1f / x.width())
        .number(weights.epsilon());
    plan.launch(norm, Math.ceilDiv(total, ROWS_PER_BLOCK), 1, 1, arguments);
  }

  /** Reads and writes {@link Form#FULL}. */
  void pool(
      PlanBuilder plan, GpuTokens x, int prefix, Pooling pooling, boolean normalize, GpuTokens y) {
    boolean cls = pooling != Pooling.MEAN;
    boolean mean = pooling != Pooling.CLS;
    Arguments arguments =
        plan.arguments()
            .address(x.full())
            .address(y.full())
            .number(x.rows())
            .number(prefix)
            .number(x.stride())
            .number(y.stride())
            .number(cls ? x.width() : 0)
            .number(mean ? x.width() : 0)
            .number(1f / Math.max(1, x.rows() - prefix));
    plan.launch(pool, Math.ceilDiv(y.width(), WARP), x.images(), 1, arguments);
    if (normalize) {
      Arguments finish = plan.arguments().address(y.full()).number(y.stride()).number(y.width());
      plan.launch(this.normalize, y.images(), 1, 1, finish);
    }
  }

  /**
   * Copies a part of a matrix.
   *
   * @param form {@link Form#FULL} or {@link Form#HALF}
   * @param target address of [images, rows, columns] floats
   */
  void gather(
      PlanBuilder plan, GpuTokens tokens, Form form, Rows rows, Columns columns, long target) {
    boolean full = form == Form.FULL;
    int total = tokens.images() * rows.count();
    Arguments arguments =
        plan.arguments()
            .address(full ? tokens.full() : tokens.half())
            .address(target)
            .number(rows.first())
            .number(rows.count())
            .number(total)
            .number(tokens.rows())
            .number(tokens.stride())
            .number(columns.first())
            .number(columns.count());
    plan.launch(full ? gatherFull : gatherHalf, total, 1, 1, arguments);
  }

  /** From {@link Form#FULL} to {@link Form#RESIDUAL}. */
  void narrow(PlanBuilder plan, GpuTokens x) {
    convert(plan, narrow, x);
  }

  /** From {@link Form#HALF} to {@link Form#FULL}. */
  void widen(PlanBuilder plan, GpuTokens x) {
    convert(plan, widen, x);
  }

  private static void convert(PlanBuilder plan, Kernel kernel, GpuTokens x) {
    int rows = x.images() * x.rows();
    Arguments arguments = ProductKernels.residual(plan.arguments(), x).number(rows);
    plan.launch(kernel, Math.ceilDiv(rows, ROWS_PER_BLOCK), 1, 1, arguments);
  }
}
