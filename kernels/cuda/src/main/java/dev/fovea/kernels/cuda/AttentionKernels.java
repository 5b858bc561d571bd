package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.PlanBuilder.Kernel;
import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.TensorMap;

/** Attention. Used on the CUDA thread only. */
final class AttentionKernels {

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

  /** Rows of every box of hopper_attention.cu, its boxes, and its threads. */
  private static final int HOPPER_ROWS = 128;

  private static final int HOPPER_BOXES = 10;
  private static final int HOPPER_THREADS = 384;

  /** Powers in a softmax are powers of 2. */
  private static final float SCORE_SCALE = (float) (1 / (Math.log(2) * Math.sqrt(HEAD_WIDTH)));

  private final CudaDriver driver;
  private final int processors;
  private final Kernel whole;
  private final Kernel wholeSmall;
  private final Kernel blocks;
  private final Kernel blocksSmall;
  private final Kernel probabilities;
  private final Kernel hopper;

  /**
   * Loads the kernels.
   *
   * @param hopper true to compute with warp groups where there are many tokens
   */
  AttentionKernels(CudaDriver driver, Precision precision, boolean hopper) {
    this.driver = driver;
    processors = driver.facts().processors();
    KernelModule module = new KernelModule(driver, precision, "attention");
    whole =
        hopper
            ? new KernelModule(driver, precision, "hopper_attention_whole")
                .kernel("hopper_attention_whole", 128, wholeBytes(128))
            : module.kernel("attention_whole", 128, wholeBytes(128));
    wholeSmall = new Kernel(whole.name(), whole.function(), 64, wholeBytes(64));
    blocks = module.kernel("attention_blocks_128", 128, blocksBytes(128));
    blocksSmall = module.kernel("attention_blocks_64", 128, blocksBytes(64));
    probabilities =
        new KernelModule(driver, precision, "probabilities").kernel("probabilities", THREADS, 0);
    this.hopper =
        hopper
            ? new KernelModule(driver, precision, "hopper_attention")
                .kernel("hopper_attention", HOPPER_THREADS, hopperBytes())
            : null;
  }

  /** Queries, all keys, all values. */
  private static int wholeBytes(int threads) {
    return (threads / WARP * WARP_QUERIES + 2 * WHOLE_TOKENS) * HEAD_ROW_BYTES;
  }

  /** Queries, and twice a block of keys and one of values. */
  private static int blocksBytes(int queries) {
    return (queries + 4 * BLOCK_KEYS) * HEAD_ROW_BYTES;
  }

  /** Boxes of queries, keys and values, two barriers for each, and one for each warp group. */
  private static int hopperBytes() {
    return HOPPER_BOXES * (HOPPER_ROWS * HEAD_ROW_BYTES + 2 * Long.BYTES) + 2 * Long.BYTES;
  }

  /**
   * Reads and writes {@link Form#HALF}. Which of the algorithms runs depends on the number of
   * tokens alone; how many queries a block has changes no bits.
   */
  void attention(PlanBuilder plan, GpuTokens qkv, int heads, Rows queries, GpuTokens y) {
    boolean few = qkv.rows() <= WHOLE_TOKENS;
    if (!few && hopper != null) {
      hopperAttention(plan, qkv, heads, queries, y);
      return;
    }
    int most = few ? THREADS / WARP * WARP_QUERIES : 2 * BLOCK_KEYS;
    long grid = (long) Math.ceilDiv(queries.count(), most) * heads * qkv.images();
    boolean small = grid < processors;
    int blockQueries = small ? most / 2 : most;
    Kernel kernel = few ? small ? wholeSmall : whole : small ? blocksSmall : blocks;
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
    int blocksAcross = Math.ceilDiv(queries.count(), blockQueries);
    if (hopper != null) {
      plan.launchEarly(kernel, blocksAcross, heads, qkv.images(), arguments);
    } else {
      plan.launch(kernel, blocksAcross, heads, qkv.images(), arguments);
    }
  }

  private void hopperAttention(
      PlanBuilder plan, GpuTokens qkv, int heads, Rows queries, GpuTokens y) {
    long rowBytes = (long) qkv.stride() * Short.BYTES;
    TensorMap boxes =
        new TensorMap(
            qkv.half(),
            qkv.stride(),
            qkv.rows(),
            qkv.images(),
            rowBytes,
            qkv.rows() * rowBytes,
            HOPPER_ROWS);
    int units = Math.ceilDiv(queries.count(), HOPPER_ROWS) * heads * qkv.images();
    Arguments arguments =
        plan.arguments()
            .tensorMap(driver.encode(boxes))
            .address(y.half())
            .number(qkv.rows())
            .number(y.rows())
            .number(y.stride())
            .number(y.width())
            .number(queries.first())
            .number(queries.count())
            .number(units)
            .number(SCORE_SCALE);
    plan.launchEarly(hopper, Math.min(units, processors), 1, 1, arguments);
  }

  /** Reads {@link Form#HALF} and writes {@link Form#FULL}. */
  void probabilities(
      PlanBuilder plan, GpuTokens qkv, int heads, Rows watched, GpuTokens probabilities) {
    int width = qkv.width() / 3;
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

  /** What {@link dev.fovea.kernels.Device#checkHeads} says. */
  static void checkHeads(int width, int heads) {
    if (width != heads * HEAD_WIDTH) {
      throw new IllegalStateException(
          "%d heads of a width of %d have %s columns each, but the CUDA kernels have only heads of %d; use the CPU"
              .formatted(heads, width, (double) width / heads, HEAD_WIDTH));
    }
  }
}
