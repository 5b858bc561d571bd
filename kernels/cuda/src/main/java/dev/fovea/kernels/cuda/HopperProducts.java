package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.PlanBuilder.Kernel;
import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.TensorMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Our matrix products for GPUs of compute capability 9.0, as {@code hopper_product.cuh} describes
 * them: for all rows of a matrix. Products of some rows are left to the kernels for all GPUs, so
 * which kernel computes an element depends on what is asked for and not on the batch.
 */
final class HopperProducts implements Products {

  /** The one compute capability that has these instructions. */
  static final int CAPABILITY = 90;

  /** PTX ISA 8.0, in which they are written, came with CUDA 12.0. */
  static final int OLDEST_DRIVER = 12000;

  private static final int THREADS = 384;

  /** All tiles of every verb, as the sources instantiate them. */
  static final List<Tile> NORM_LINEAR =
      List.of(
          new Tile("hopper_norm_linear", 64, 64, THREADS, 6, false),
          new Tile("hopper_norm_linear", 64, 128, THREADS, 6, false),
          new Tile("hopper_norm_linear", 128, 128, THREADS, 6, false),
          new Tile("hopper_norm_linear_pair", 128, 128, THREADS, 6, false),
          new Tile("hopper_norm_linear_pair", 128, 256, THREADS, 4, false));

  static final List<Tile> LINEAR_ADD =
      List.of(
          new Tile("hopper_linear_add_split", 64, 64, THREADS, 6, true),
          new Tile("hopper_linear_add_split", 64, 128, THREADS, 6, true),
          new Tile("hopper_linear_add", 64, 128, THREADS, 6, false),
          new Tile("hopper_linear_add", 128, 96, THREADS, 6, false),
          new Tile("hopper_linear_add_pair", 128, 96, THREADS, 6, false),
          new Tile("hopper_linear_add_pair", 128, 192, THREADS, 5, false));

  private final CudaDriver driver;
  private final ProductKernels others;
  private final TileChoice choice;
  private final Map<Tile, Kernel> normLinear = new LinkedHashMap<>();
  private final Map<Tile, Kernel> linearAdd = new LinkedHashMap<>();

  /**
   * Loads the kernels.
   *
   * @param others multiply some rows
   */
  HopperProducts(CudaDriver driver, Precision precision, ProductKernels others, TileChoice choice) {
    this.driver = driver;
    this.others = others;
    this.choice = choice;
    KernelModule module = new KernelModule(driver, precision, "hopper_norm_linear");
    for (Tile tile : NORM_LINEAR) {
      // Behind the barriers: mean and scale of the rows of both warp groups.
      normLinear.put(tile, module.kernel(tile, barrierBytes(tile) + 16 * tile.rows()));
    }
    module = new KernelModule(driver, precision, "hopper_linear_add");
    for (Tile tile : LINEAR_ADD) {
      linearAdd.put(tile, module.kernel(tile, barrierBytes(tile)));
    }
  }

  /** Two barriers a stage, and one for each of the two warp groups that multiply. */
  private static int barrierBytes(Tile tile) {
    return Long.BYTES * (2 * tile.stages() + 2);
  }

  @Override
  public String description() {
    return "own products for Hopper";
  }

  @Override
  public boolean needTrial() {
    return false;
  }

  @Override
  public void normLinear(
      PlanBuilder plan,
      GpuTokens x,
      Rows rows,
      GpuPacked.NormLinear weights,
      Columns columns,
      GpuTokens y) {
    if (!rows.equals(Rows.all(x))) {
      others.normLinear(plan, x, rows, weights, columns, y);
      return;
    }
    ProductKernels.checkColumns(columns, weights.outputs());
    GpuPacked.Matrix matrix = weights.matrix();
    int perColumn = weights.activation() == Activation.SWIGLU ? 2 : 1;
    int total = x.images() * rows.count();
    Product product = Product.whole(total, perColumn * columns.count(), matrix.stride());
    Tile tile = choice.choose(List.copyOf(normLinear.keySet()), product);
    Arguments arguments =
        operands(plan, tile, x.half(), total, matrix)
            .address(x.full())
            .address(x.statistics())
            .address(weights.bias())
            .address(weights.sums())
            .address(y.half());
    units(arguments, tile, product, 1)
        .number(rows.first())
        .number(rows.count())
        .number(total)
        .number(y.rows())
        .number(x.stride())
        .number(x.width())
        .number(1f / x.width())
        .number(weights.epsilon())
        .number(matrix.paddedRows())
        .number(perColumn * columns.first())
        .number(y.stride())
        .number(columns.first())
        .number(Math.ceilDiv(columns.count(), 4) * 4)
        .number(ProductKernels.code(weights.activation()));
    launch(plan, normLinear.get(tile), tile, product, 1, arguments);
  }

  @Override
  public void linearAdd(
      PlanBuilder plan, GpuTokens a, Rows rows, GpuPacked.LinearAdd weights, GpuTokens x) {
    if (!rows.equals(Rows.all(a))) {
      others.linearAdd(plan, a, rows, weights, x);
      return;
    }
    GpuPacked.Matrix matrix = weights.matrix();
    int total = a.images() * rows.count();
    Product product = Product.inChains(total, x.stride(), matrix.stride());
    Tile tile = choice.choose(List.copyOf(linearAdd.keySet()), product);
    int chains = tile.split() ? product.chains() : 1;
    boolean joined = chains > 1;
    int tiles = tilesDown(tile, product) * tile.acrossColumns(x.stride());
    long partialBytes = (long) tiles * chains * tile.rows() * tile.columns() * Float.BYTES;
    Arguments arguments =
        operands(plan, tile, a.half(), total, matrix)
            .address(weights.gamma())
            .address(weights.bias());
    ProductKernels.residual(arguments, x)
        .address(joined ? plan.memory().scratch(partialBytes) : 0)
        .address(joined ? plan.memory().counters(tiles) : 0);
    units(arguments, tile, product, chains)
        .number(rows.first())
        .number(rows.count())
        .number(total)
        .number(x.rows())
        .number(product.chainSteps());
    launch(plan, linearAdd.get(tile), tile, product, chains, arguments);
  }

  /** Starts the arguments with the maps of both operands. */
  private Arguments operands(
      PlanBuilder plan, Tile tile, long left, int rows, GpuPacked.Matrix right) {
    TensorMap boxesOfLeft = TensorMap.matrix(left, rows, right.stride(), tile.rows());
    TensorMap boxesOfRight =
        TensorMap.matrix(
            right.address(), right.paddedRows(), right.stride(), tile.columns() / tile.cluster());
    return plan.arguments()
        .tensorMap(driver.encode(boxesOfLeft))
        .tensorMap(driver.encode(boxesOfRight));
  }

  /** The structure Units of hopper_product.cuh. */
  private static Arguments units(Arguments arguments, Tile tile, Product product, int parts) {
    return arguments
        .number(tilesDown(tile, product))
        .number(tile.acrossColumns(product.columns()))
        .number(parts)
        .number(product.steps())
        .number(parts == 1 ? product.steps() : product.chainSteps());
  }

  /** Rounded up to whole clusters. */
  private static int tilesDown(Tile tile, Product product) {
    int cluster = tile.cluster();
    return Math.ceilDiv(tile.acrossRows(product.rows()), cluster) * cluster;
  }

  /** As many blocks as there are processors, or units of work. */
  private void launch(
      PlanBuilder plan, Kernel kernel, Tile tile, Product product, int parts, Arguments arguments) {
    int units = tilesDown(tile, product) * tile.acrossColumns(product.columns()) * parts;
    int cluster = tile.cluster();
    int processors = Math.max(cluster, driver.facts().processors() / cluster * cluster);
    plan.launchEarly(kernel, Math.min(units, processors), 1, 1, arguments);
  }

  /** {@inheritDoc} Kernels are freed with the driver. */
  @Override
  public void close() {}
}
