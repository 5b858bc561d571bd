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

  private static final int HEAD_WIDTH = 64;
  private static final int HEAD_ROW_BYTES = HEAD_WIDTH * Short.BYTES;

  /** Queries of a warp. */
  private static final int WARP_QUERIES = 16;

  private static final int WARP = 32;

  /** Most tokens whose keys and values are in shared memory all at once. */
  private static final int WHOLE_TOKENS = 272;

  /** Keys of a block where there are more. */
  private static final int BLOCK_KEYS = 64;

  private static final int THREADS = 128;
  private static final int POOL_THREADS = 512;
  private static final int ROWS_PER_BLOCK = THREADS / WARP;

  /** Powers in a softmax are powers of 2. */
  private static final float SCORE_SCALE = (float) (1 / (Math.log(2) * Math.sqrt(HEAD_WIDTH)));

  private final int processors;
  private final ProductKernels own;
  private final Products products;
  private final RegisterKernels registers;
  private final Kernel attentionWhole;
  private final Kernel attentionWholeSmall;
  private final Kernel attentionBlocks;
  private final Kernel attentionBlocksSmall;
  private final Kernel probabilities;
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
    processors = driver.facts().processors();
    own = new ProductKernels(driver, precision, choice);
    products =
        multiplier
            .library(driver)
            .<Products>map(library -> new LibraryProducts(driver, precision, library))
            .orElse(own);
    registers = new RegisterKernels(driver, precision);
    KernelModule attention = new KernelModule(driver, precision, "attention");
    attentionWhole = attention.kernel("attention_whole", 128, wholeBytes(128));
    attentionWholeSmall =
        new Kernel(attentionWhole.name(), attentionWhole.function(), 64, wholeBytes(64));
    attentionBlocks = attention.kernel("attention_blocks_128", 128, blocksBytes(128));
    attentionBlocksSmall = attention.kernel("attention_blocks_64", 128, blocksBytes(64));
    probabilities =
        new KernelModule(driver, precision, "probabilities").kernel("probabilities", THREADS, 0);
    KernelModule rows = new KernelModule(driver, precision, "rows");
    norm = rows.kernel("norm", THREADS, 0);
    pool = rows.kernel("pool", POOL_THREADS, 0);
    normalize = rows.kernel("normalize", THREADS, 0);
    gatherFull = rows.kernel("gather_full", THREADS, 0);
    gatherHalf = rows.kernel("gather_half", THREADS, 0);
    narrow = rows.kernel("narrow", THREADS, 0);
    widen = rows.kernel("widen", THREADS, 0);
  }

  /** Queries, all keys, all values. */
  private static int wholeBytes(int threads) {
    return (threads / WARP * WARP_QUERIES + 2 * WHOLE_TOKENS) * HEAD_ROW_BYTES;
  }

  /** Queries, and twice a block of keys and one of values. */
  private static int blocksBytes(int queries) {
    return (queries + 4 * BLOCK_KEYS) * HEAD_ROW_BYTES;
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

  /**
   * Reads and writes {@link Form#HALF}. Which of the two algorithms runs depends on the number of
   * tokens alone; how many queries a block has changes no bits.
   */
  void attention(PlanBuilder plan, GpuTokens qkv, int heads, Rows queries, GpuTokens y) {
    checkHeads(y.width(), heads);
    boolean whole = qkv.rows() <= WHOLE_TOKENS;
    int most = whole ? THREADS / WARP * WARP_QUERIES : 2 * BLOCK_KEYS;
    long blocks = (long) Math.ceilDiv(queries.count(), most) * heads * qkv.images();
    boolean small = blocks < processors;
    int blockQueries = small ? most / 2 : most;
    Kernel kernel =
        whole
            ? small ? attentionWholeSmall : attentionWhole
            : small ? attentionBlocksSmall : attentionBlocks;
    Arguments arguments =
        plan.arguments()
            .address(qkv.half())
            .address(y.half())
            .number(qkv.rows())
            .number(qkv.stride())
            .number(y.rows())
            .number(y.stride())
            .number(y.width())
            .number(queries.first())
            .number(queries.count())
            .number(SCORE_SCALE);
    plan.launch(
        kernel, Math.ceilDiv(queries.count(), blockQueries), heads, qkv.images(), arguments);
  }

  /** Reads {@link Form#HALF} and writes {@link Form#FULL}. */
  void probabilities(
      PlanBuilder plan, GpuTokens qkv, int heads, Rows watched, GpuTokens probabilities) {
    int width = qkv.width() / 3;
    checkHeads(width, heads);
    Arguments arguments =
        plan.arguments()
            .address(qkv.half())
            .address(probabilities.full())
            .number(qkv.rows())
            .number(qkv.stride())
            .number(width)
            .number(watched.first())
            .number(watched.count())
            .number(probabilities.stride())
            .number(SCORE_SCALE);
    plan.launch(this.probabilities, watched.count(), heads, qkv.images(), arguments);
  }

  private static void checkHeads(int width, int heads) {
    if (width != heads * HEAD_WIDTH) {
      throw new IllegalArgumentException(
          "%d heads of a width of %d have %s columns each, but the CUDA kernels have only heads of %d; use the CPU"
              .formatted(heads, width, (double) width / heads, HEAD_WIDTH));
    }
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
