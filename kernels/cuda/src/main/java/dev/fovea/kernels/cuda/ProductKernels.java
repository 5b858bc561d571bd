package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.PlanBuilder.Kernel;
import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;

/** Our own matrix products, fused with all of their verbs. */
final class ProductKernels implements Products {

  /** All tiles of every verb, as the sources instantiate them. */
  static final List<Tile> NORM_LINEAR =
      List.of(
          new Tile("norm_linear", 32, 64, 128, 4, false),
          new Tile("norm_linear", 64, 64, 128, 4, false),
          new Tile("norm_linear", 64, 128, 128, 3, false),
          new Tile("norm_linear", 128, 128, 128, 3, false),
          new Tile("norm_linear", 128, 256, 256, 3, false));

  static final List<Tile> LINEAR_ADD =
      List.of(
          new Tile("linear_add_split", 32, 64, 128, 4, true),
          new Tile("linear_add_split", 64, 64, 128, 4, true),
          new Tile("linear_add", 64, 64, 128, 4, false),
          new Tile("linear_add", 64, 128, 128, 3, false),
          new Tile("linear_add", 128, 128, 256, 3, false));

  static final List<Tile> PATCH_EMBED =
      List.of(
          new Tile("patch_embed", 32, 64, 128, 3, false),
          new Tile("patch_embed", 64, 128, 128, 3, false));

  /** Entries of the table from bytes to values. */
  private static final int LOOKUP_LENGTH = 3 * 256;

  private final Precision precision;
  private final TileChoice choice;
  private final Map<Tile, Kernel> normLinear;
  private final Map<Tile, Kernel> linearAdd;
  private final Map<Tile, Kernel> patchEmbed;

  ProductKernels(CudaDriver driver, Precision precision, TileChoice choice) {
    this.precision = precision;
    this.choice = choice;
    // Behind the stages: of every row its mean and scale and where it lies in x and y; where it
    // lies in a and x; where it lies, and the lookup table.
    normLinear = kernels(driver, "norm_linear", NORM_LINEAR, tile -> 16 * tile.rows());
    linearAdd = kernels(driver, "linear_add", LINEAR_ADD, tile -> 8 * tile.rows());
    patchEmbed =
        kernels(
            driver,
            "patch_embed",
            PATCH_EMBED,
            tile -> 4 * tile.rows() + LOOKUP_LENGTH * Short.BYTES);
  }

  /** The tiles for which this GPU has enough shared memory. */
  private Map<Tile, Kernel> kernels(
      CudaDriver driver, String source, List<Tile> menu, ToIntFunction<Tile> moreBytes) {
    KernelModule module = new KernelModule(driver, precision, source);
    Map<Tile, Kernel> kernels = new LinkedHashMap<>();
    for (Tile tile : menu) {
      int more = moreBytes.applyAsInt(tile);
      if (tile.stagesBytes() + more <= driver.facts().sharedBytesPerBlock()) {
        kernels.put(tile, module.kernel(tile, more));
      }
    }
    return kernels;
  }

  @Override
  public String description() {
    return "own products";
  }

  @Override
  public boolean needTrial() {
    return false;
  }

  private Tile choose(Map<Tile, Kernel> kernels, Product product) {
    return choice.choose(List.copyOf(kernels.keySet()), product);
  }

  void patchEmbed(
      PlanBuilder plan,
      GpuPixels pixels,
      GpuPacked.PatchEmbed weights,
      PositionTable positions,
      GpuTokens x) {
    PatchLayout layout = new PatchLayout(pixels, weights.patch());
    PlanMemory memory = plan.memory();
    int stride = weights.matrix().stride();
    int rows = x.images() * x.rows();
    Product product = Product.whole(rows, x.stride(), stride);
    Tile tile = choose(patchEmbed, product);
    Arguments arguments =
        plan.arguments()
            .address(pixels.device())
            .address(layout.bytes() ? memory.upload(precision.round(pixels.lookup())) : 0)
            .address(memory.upload(layout.offsets(stride)))
            .address(weights.matrix().address())
            .address(weights.bias())
            .address(memory.upload(padded(positions, x.stride())));
    residual(arguments, x)
        .number(rows)
        .number(x.rows())
        .number(positions.prefix())
        .number(layout.patchesAcross())
        .number(layout.patchAcross())
        .number(layout.patchDown())
        .number(layout.imageElements())
        .number(stride)
        .number(weights.matrix().paddedRows());
    launch(plan, patchEmbed.get(tile), tile, product, 1, arguments);
  }

  private static float[] padded(PositionTable positions, int stride) {
    float[] table = new float[positions.tokens() * stride];
    for (int row = 0; row < positions.tokens(); row++) {
      System.arraycopy(
          positions.rows(), row * positions.width(), table, row * stride, positions.width());
    }
    return table;
  }

  @Override
  public void normLinear(
      PlanBuilder plan,
      GpuTokens x,
      Rows rows,
      GpuPacked.NormLinear weights,
      Columns columns,
      GpuTokens y) {
    checkColumns(columns, weights.outputs());
    GpuPacked.Matrix matrix = weights.matrix();
    int perColumn = weights.activation() == Activation.SWIGLU ? 2 : 1;
    int total = x.images() * rows.count();
    Product product = Product.whole(total, perColumn * columns.count(), matrix.stride());
    Tile tile = choose(normLinear, product);
    Arguments arguments =
        plan.arguments()
            .address(x.half())
            .address(x.full())
            .address(x.statistics())
            .address(matrix.address())
            .address(weights.bias())
            .address(weights.sums())
            .address(y.half())
            .number(rows.first())
            .number(rows.count())
            .number(total)
            .number(x.rows())
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
            .number(code(weights.activation()));
    launch(plan, normLinear.get(tile), tile, product, 1, arguments);
  }

  /** A block stores 4 columns at a time, and what lies behind the last one has to be padding. */
  static void checkColumns(Columns columns, int outputs) {
    if (columns.first() % Tile.STEP != 0
        || (columns.count() % Tile.STEP != 0 && columns.end() != outputs)) {
      throw new IllegalArgumentException(
          "columns %d to %d are not on head boundaries; ask for whole multiples of %d"
              .formatted(columns.first(), columns.end(), Tile.STEP));
    }
  }

  /** As activation.cuh numbers them. */
  static int code(Activation activation) {
    return switch (activation) {
      case NONE -> 0;
      case GELU -> 1;
      case QUICK_GELU -> 2;
      case SWIGLU -> 3;
    };
  }

  @Override
  public void linearAdd(
      PlanBuilder plan, GpuTokens a, Rows rows, GpuPacked.LinearAdd weights, GpuTokens x) {
    GpuPacked.Matrix matrix = weights.matrix();
    int total = a.images() * rows.count();
    Product product = Product.inChains(total, x.stride(), matrix.stride());
    Tile tile = choose(linearAdd, product);
    int chains = tile.split() ? product.chains() : 1;
    boolean joined = chains > 1;
    int tiles = tile.acrossRows(total) * tile.acrossColumns(x.stride());
    long partialBytes = (long) tiles * chains * tile.rows() * tile.columns() * Float.BYTES;
    Arguments arguments =
        plan.arguments()
            .address(a.half())
            .address(matrix.address())
            .address(weights.gamma())
            .address(weights.bias());
    residual(arguments, x)
        .address(joined ? plan.memory().scratch(partialBytes) : 0)
        .address(joined ? plan.memory().counters(tiles) : 0)
        .number(rows.first())
        .number(rows.count())
        .number(total)
        .number(a.rows())
        .number(x.rows())
        .number(matrix.stride())
        .number(matrix.paddedRows())
        .number(product.chainSteps());
    launch(plan, linearAdd.get(tile), tile, product, chains, arguments);
  }

  /** The structure Residual of residual.cuh. */
  static Arguments residual(Arguments arguments, GpuTokens x) {
    return arguments
        .address(x.full())
        .address(x.half())
        .address(x.statistics())
        .number(x.stride())
        .number(x.width());
  }

  private static void launch(
      PlanBuilder plan,
      Kernel kernel,
      Tile tile,
      Product product,
      int chains,
      Arguments arguments) {
    plan.launch(
        kernel,
        tile.acrossColumns(product.columns()),
        tile.acrossRows(product.rows()),
        chains,
        arguments);
  }

  /** {@inheritDoc} Kernels are freed with the driver. */
  @Override
  public void close() {}
}
