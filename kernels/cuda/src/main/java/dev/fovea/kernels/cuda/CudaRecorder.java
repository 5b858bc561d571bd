package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Pixels;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Sizes;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Checks every argument of a verb and notes what the kernels will be asked for, together with the
 * conversions where a verb reads a matrix in another form than the one it was left in. The device
 * is told when the plan is built.
 */
final class CudaRecorder implements Recorder {

  private final CudaDevice device;
  private final GpuKernels kernels;
  private final List<GpuPixels> inputs = new ArrayList<>();
  private final List<GpuTokens> matrices = new ArrayList<>();
  private final List<Consumer<PlanBuilder>> verbs = new ArrayList<>();
  private final List<MemorySegment> pinned = new ArrayList<>();
  private boolean built;

  CudaRecorder(CudaDevice device) {
    this.device = device;
    this.kernels = device.kernels();
  }

  @Override
  public Pixels rgb(int images, int height, int width, float[] lookup) {
    Sizes.same("the lookup table's length", lookup.length, 3 * 256);
    return pixels(images, height, width, lookup.clone(), Byte.BYTES);
  }

  @Override
  public Pixels planes(int images, int height, int width) {
    return pixels(images, height, width, null, Float.BYTES);
  }

  private Pixels pixels(int images, int height, int width, float[] lookup, int sampleBytes) {
    checkOpen();
    long samples = Sizes.elements("a batch of images", images, height, width, 3);
    MemorySegment host = pin(samples * sampleBytes);
    GpuPixels pixels = new GpuPixels(this, images, height, width, lookup, host);
    inputs.add(pixels);
    return pixels;
  }

  private MemorySegment pin(long bytes) {
    MemorySegment host = device.allocatePinned(bytes);
    pinned.add(host);
    return host;
  }

  @Override
  public Tokens tokens(int images, int rows, int width) {
    checkOpen();
    Sizes.elements("a matrix of tokens", images, rows, width);
    GpuTokens tokens = new GpuTokens(this, images, rows, width);
    matrices.add(tokens);
    return tokens;
  }

  @Override
  public void patchEmbed(
      Pixels pixels, Packed<PatchEmbedWeights> weights, PositionTable positions, Tokens x) {
    GpuPixels from = own(pixels);
    GpuPacked.PatchEmbed packed = own(weights, GpuPacked.PatchEmbed.class);
    GpuTokens to = own("x", x);
    int patches = Sizes.patches(from.height(), from.width(), packed.patch());
    Sizes.patchEmbed(from.images(), patches, packed.width(), positions, to);
    add(plan -> kernels.patchEmbed(plan, from, packed, positions, to));
    to.written(Form.RESIDUAL);
  }

  @Override
  public void normLinear(
      Tokens x, Rows rows, Packed<NormLinearWeights> weights, Columns columns, Tokens y) {
    GpuTokens from = own("x", x);
    GpuTokens to = own("y", y);
    GpuPacked.NormLinear packed = own(weights, GpuPacked.NormLinear.class);
    Sizes.rows(from, rows, to);
    Sizes.apart(from, to);
    Sizes.normLinear(from, packed.width(), columns, packed.outputs(), to);
    want(from, Form.RESIDUAL);
    if (rows.count() > 0 && columns.count() > 0) {
      keepOthers(to, Form.HALF);
      add(plan -> kernels.normLinear(plan, from, rows, packed, columns, to));
      to.written(Form.HALF);
    }
  }

  @Override
  public void attention(Tokens qkv, int heads, Rows queries, Tokens y) {
    attention(qkv, heads, queries, y, new Rows(queries.first(), 0), null);
  }

  @Override
  public void attention(
      Tokens qkv, int heads, Rows queries, Tokens y, Rows watched, Tokens probabilities) {
    GpuTokens from = own("qkv", qkv);
    GpuTokens to = own("y", y);
    Sizes.rows(from, queries, to);
    Sizes.apart(from, to);
    Sizes.attention(from, heads, to);
    device.checkHeads(to.width(), heads);
    want(from, Form.HALF);
    if (queries.count() > 0) {
      keepOthers(to, Form.HALF);
      add(plan -> kernels.attention(plan, from, heads, queries, to));
      to.written(Form.HALF);
    }
    if (watched.count() > 0) {
      GpuTokens kept = own("probabilities", probabilities);
      Sizes.probabilities(from, heads, queries, watched, kept);
      add(plan -> kernels.probabilities(plan, from, heads, watched, kept));
      kept.written(Form.FULL);
    }
  }

  @Override
  public void linearAdd(Tokens a, Rows rows, Packed<LinearAddWeights> weights, Tokens x) {
    GpuTokens from = own("a", a);
    GpuTokens to = own("x", x);
    GpuPacked.LinearAdd packed = own(weights, GpuPacked.LinearAdd.class);
    Sizes.rows(from, rows, to);
    Sizes.apart(from, to);
    Sizes.same("a's width", from.width(), packed.matrix().inputs());
    Sizes.same("x's width", to.width(), packed.matrix().rows());
    want(from, Form.HALF);
    want(to, Form.RESIDUAL);
    if (rows.count() > 0) {
      add(plan -> kernels.linearAdd(plan, from, rows, packed, to));
      to.written(Form.RESIDUAL);
    }
  }

  /** {@inheritDoc} Works in place too. */
  @Override
  public void norm(Tokens x, Rows rows, Packed<NormWeights> weights, Tokens y) {
    GpuTokens from = own("x", x);
    GpuTokens to = own("y", y);
    GpuPacked.Norm packed = own(weights, GpuPacked.Norm.class);
    Sizes.rows(from, rows, to);
    Sizes.same("x's width", from.width(), packed.width());
    Sizes.same("y's width", to.width(), packed.width());
    want(from, Form.FULL);
    if (rows.count() > 0) {
      keepOthers(to, Form.FULL);
      add(plan -> kernels.norm(plan, from, rows, packed, to));
      to.written(Form.FULL);
    }
  }

  @Override
  public void pool(Tokens x, int prefix, Pooling pooling, boolean normalize, Tokens y) {
    GpuTokens from = own("x", x);
    GpuTokens to = own("y", y);
    Objects.requireNonNull(pooling, "pooling");
    Sizes.apart(from, to);
    Sizes.pool(from, prefix, pooling, to);
    want(from, Form.FULL);
    add(plan -> kernels.pool(plan, from, prefix, pooling, normalize, to));
    to.written(Form.FULL);
  }

  @Override
  public void moveToRow(Tokens x, int[] columns, int row, Move move) {
    GpuTokens changed = own("x", x);
    Objects.requireNonNull(move, "move");
    Sizes.moveToRow(changed, columns, row);
    int[] copy = columns.clone();
    if (copy.length > 0) {
      Form form = bestForm(changed);
      add(plan -> kernels.registers().moveToRow(plan, changed, form, copy, row, move));
      changed.written(form);
    }
  }

  @Override
  public void write(float[] elements, Rows rows, Columns columns, Tokens tokens) {
    GpuTokens to = own("tokens", tokens);
    Sizes.write(elements, rows, columns, to);
    float[] copy = elements.clone();
    if (copy.length > 0) {
      Form form = bestForm(to);
      add(plan -> kernels.registers().write(plan, copy, rows, columns, to, form));
      to.written(form);
    }
  }

  /** The form of a matrix in which elements can be read and changed without loss. */
  private static Form bestForm(GpuTokens tokens) {
    return tokens.has(Form.FULL) || !tokens.has(Form.HALF) ? Form.FULL : Form.HALF;
  }

  @Override
  public HostBuffer read(Tokens tokens, Rows rows, Columns columns) {
    checkOpen();
    GpuTokens from = own("tokens", tokens);
    long bytes = (long) Float.BYTES * Sizes.read(from, rows, columns);
    MemorySegment host = pin(bytes);
    Form form = bestForm(from);
    want(from, form);
    add(
        plan -> {
          long packed = plan.memory().scratch(bytes);
          kernels.gather(plan, from, form, rows, columns, packed);
          plan.copyToHost(host, packed);
        });
    return new Result(host);
  }

  private record Result(MemorySegment host) implements HostBuffer {}

  /** What was recorded so far is left out where a {@link Workbench} takes times. */
  void preparationEnds() {
    add(PlanBuilder::preparationEnds);
  }

  @Override
  public Plan build() {
    checkOpen();
    Plan plan = device.call(this::buildOnDevice);
    built = true;
    return plan;
  }

  private Plan buildOnDevice() {
    CudaDriver driver = device.driver();
    Arena arena = Arena.ofShared();
    PlanMemory memory = new PlanMemory(driver);
    try {
      inputs.forEach(pixels -> pixels.allocate(memory));
      matrices.forEach(tokens -> tokens.allocate(memory));
      PlanBuilder builder = new PlanBuilder(arena, memory);
      verbs.forEach(verb -> verb.accept(builder));
      if (kernels.products().needTrial()) {
        inputs.forEach(pixels -> driver.copyToDevice(pixels.device(), pixels.host()));
        builder.steps().forEach(step -> step.enqueue(driver));
      }
      driver.synchronize();
      driver.beginCapture();
      inputs.forEach(pixels -> driver.copyToDevice(pixels.device(), pixels.host()));
      builder.steps().forEach(step -> step.enqueue(driver));
      return new CudaPlan(
          device, memory, pinned, arena, List.copyOf(builder.kernels()), driver.endCapture());
    } catch (RuntimeException | Error e) {
      memory.close();
      arena.close();
      throw e;
    }
  }

  /** {@inheritDoc} What it holds is the pinned memory of inputs and results. */
  @Override
  public void close() {
    if (!built) {
      built = true;
      device.release(() -> pinned.forEach(device.driver()::freePinned));
    }
  }

  /** Adds the conversion to a form that a verb reads, where that is missing. */
  private void want(GpuTokens tokens, Form form) {
    if (!tokens.has(Form.FULL) && !tokens.has(Form.HALF)) {
      tokens.completed(Form.FULL); // Nobody has written it: zeros.
    }
    if (!tokens.has(Form.FULL) && form != Form.HALF) {
      add(plan -> kernels.widen(plan, tokens));
      tokens.completed(Form.FULL);
    }
    if (!tokens.has(form)) {
      add(plan -> kernels.narrow(plan, tokens));
      tokens.completed(Form.RESIDUAL);
    }
  }

  /** Makes sure that rows and columns that a verb leaves alone are there in the form it writes. */
  private void keepOthers(GpuTokens tokens, Form form) {
    if (tokens.has(Form.FULL) || tokens.has(Form.HALF)) {
      want(tokens, form);
    }
  }

  private void add(Consumer<PlanBuilder> verb) {
    checkOpen();
    verbs.add(verb);
  }

  private void checkOpen() {
    if (built) {
      throw new IllegalStateException(
          "this recorder has built its plan or is closed; start a new recorder");
    }
  }

  private GpuTokens own(String name, Tokens tokens) {
    Objects.requireNonNull(tokens, name);
    if (tokens instanceof GpuTokens own && own.owner() == this) {
      return own;
    }
    throw new IllegalArgumentException(
        name + " was not declared by this recorder, but by another one; declare it here");
  }

  private GpuPixels own(Pixels pixels) {
    Objects.requireNonNull(pixels, "pixels");
    if (pixels instanceof GpuPixels own && own.owner() == this) {
      return own;
    }
    throw new IllegalArgumentException(
        "pixels were not declared by this recorder, but by another one; declare them here");
  }

  private <W, P extends GpuPacked<W>> P own(Packed<W> weights, Class<P> type) {
    Objects.requireNonNull(weights, "weights");
    if (type.isInstance(weights) && type.cast(weights).owner() == device) {
      return type.cast(weights);
    }
    throw new IllegalArgumentException(
        "weights were packed by another device than this recorder's; pack them with this one");
  }
}
