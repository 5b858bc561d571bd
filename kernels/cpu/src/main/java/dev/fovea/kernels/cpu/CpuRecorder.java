package dev.fovea.kernels.cpu;

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
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Checks every argument of a verb and asks the device's kernels for the task that computes it. */
final class CpuRecorder implements Recorder {

  private final CpuDevice device;
  private final CpuKernels kernels;
  private final Scratch scratch;
  private final List<Task> steps = new ArrayList<>();
  private long bytes;
  private boolean ended;

  CpuRecorder(CpuDevice device) {
    this.device = device;
    kernels = device.kernels();
    scratch = new Scratch(device.workers().width());
  }

  @Override
  public Pixels rgb(int images, int height, int width, float[] lookup) {
    return declared(CpuPixels.rgb(this, images, height, width, lookup));
  }

  @Override
  public Pixels planes(int images, int height, int width) {
    return declared(CpuPixels.planes(this, images, height, width));
  }

  private CpuPixels declared(CpuPixels pixels) {
    checkOpen();
    bytes += pixels.host().byteSize();
    return pixels;
  }

  @Override
  public Tokens tokens(int images, int rows, int width) {
    checkOpen();
    CpuTokens tokens = new CpuTokens(this, images, rows, width, kernels.layout(width));
    bytes += (long) Float.BYTES * tokens.data().length;
    return tokens;
  }

  @Override
  public void patchEmbed(
      Pixels pixels, Packed<PatchEmbedWeights> weights, PositionTable positions, Tokens x) {
    CpuPixels from = own(pixels);
    CpuPacked.PatchEmbed packed = own(weights, CpuPacked.PatchEmbed.class);
    CpuTokens to = own("x", x);
    int patches = Sizes.patches(from.height(), from.width(), packed.patch());
    Sizes.patchEmbed(from.images(), patches, packed.width(), positions, to);
    add(kernels.patchEmbed(from, packed.patch(), packed.linear(), positions, to, scratch));
  }

  @Override
  public void normLinear(
      Tokens x, Rows rows, Packed<NormLinearWeights> weights, Columns columns, Tokens y) {
    CpuTokens from = own("x", x);
    CpuTokens to = own("y", y);
    CpuPacked.NormLinear packed = own(weights, CpuPacked.NormLinear.class);
    Sizes.rows(from, rows, to);
    Sizes.apart(from, to);
    Sizes.normLinear(from, packed.norm().width(), columns, packed.outputs(), to);
    add(
        kernels.normLinear(
            from, rows, packed.norm(), packed.linear(), packed.activation(), columns, to, scratch));
  }

  @Override
  public void attention(Tokens qkv, int heads, Rows queries, Tokens y) {
    attention(qkv, heads, queries, y, new Rows(queries.first(), 0), null);
  }

  @Override
  public void attention(
      Tokens qkv, int heads, Rows queries, Tokens y, Rows watched, Tokens probabilities) {
    CpuTokens from = own("qkv", qkv);
    CpuTokens to = own("y", y);
    Sizes.rows(from, queries, to);
    Sizes.apart(from, to);
    Sizes.attention(from, heads, to);
    CpuTokens kept = null;
    if (watched.count() > 0) {
      kept = own("probabilities", probabilities);
      Sizes.probabilities(from, heads, queries, watched, kept);
    }
    add(kernels.attention(new AttentionStep(from, heads, queries, to, watched, kept), scratch));
  }

  @Override
  public void linearAdd(Tokens a, Rows rows, Packed<LinearAddWeights> weights, Tokens x) {
    CpuTokens from = own("a", a);
    CpuTokens to = own("x", x);
    CpuPacked.LinearAdd packed = own(weights, CpuPacked.LinearAdd.class);
    Sizes.rows(from, rows, to);
    Sizes.apart(from, to);
    Sizes.same("a's width", from.width(), packed.inputs());
    Sizes.same("x's width", to.width(), packed.gamma().length);
    add(kernels.linearAdd(from, rows, packed.linear(), packed.gamma(), to, scratch));
  }

  /** {@inheritDoc} Works in place too. */
  @Override
  public void norm(Tokens x, Rows rows, Packed<NormWeights> weights, Tokens y) {
    CpuTokens from = own("x", x);
    CpuTokens to = own("y", y);
    CpuPacked.Norm packed = own(weights, CpuPacked.Norm.class);
    Sizes.rows(from, rows, to);
    Sizes.same("x's width", from.width(), packed.norm().width());
    Sizes.same("y's width", to.width(), packed.norm().width());
    add(kernels.norm(from, rows, packed.norm(), to, scratch));
  }

  @Override
  public void pool(Tokens x, int prefix, Pooling pooling, boolean normalize, Tokens y) {
    CpuTokens from = own("x", x);
    CpuTokens to = own("y", y);
    Objects.requireNonNull(pooling, "pooling");
    Sizes.apart(from, to);
    Sizes.pool(from, prefix, pooling, to);
    add(List.of(new PoolTask(from, prefix, pooling, normalize, to, scratch.slots())));
  }

  @Override
  public HostBuffer read(Tokens tokens, Rows rows, Columns columns) {
    CpuTokens from = own("tokens", tokens);
    int size = Sizes.read(from, rows, columns);
    float[] result = new float[size];
    add(List.of(new ReadTask(from, rows, columns, result)));
    bytes += (long) Float.BYTES * size;
    return new CpuHostBuffer(MemorySegment.ofArray(result));
  }

  @Override
  public void moveToRow(Tokens x, int[] columns, int row, Move move) {
    CpuTokens changed = own("x", x);
    Objects.requireNonNull(move, "move");
    Sizes.moveToRow(changed, columns, row);
    add(List.of(new MoveTask(changed, columns.clone(), row, move)));
  }

  @Override
  public void write(float[] elements, Rows rows, Columns columns, Tokens tokens) {
    CpuTokens to = own("tokens", tokens);
    Sizes.write(elements, rows, columns, to);
    add(List.of(new WriteTask(elements.clone(), rows, columns, to)));
    bytes += (long) Float.BYTES * elements.length;
  }

  @Override
  public Plan build() {
    checkOpen();
    ended = true;
    scratch.allocate();
    Plan plan = new CpuPlan(device, steps.toArray(Task[]::new), bytes + scratch.bytes());
    steps.clear();
    return plan;
  }

  @Override
  public void close() {
    ended = true;
    steps.clear();
  }

  private void add(List<Task> tasks) {
    checkOpen();
    steps.addAll(tasks);
  }

  private void checkOpen() {
    if (ended) {
      throw new IllegalStateException(
          "this recorder has built its plan, or was closed; start a new recorder");
    }
  }

  private CpuTokens own(String name, Tokens tokens) {
    Objects.requireNonNull(tokens, name);
    if (tokens instanceof CpuTokens own && own.owner() == this) {
      return own;
    }
    throw new IllegalArgumentException(
        name + " was not declared by this recorder, but by another one; declare it here");
  }

  private CpuPixels own(Pixels pixels) {
    Objects.requireNonNull(pixels, "pixels");
    if (pixels instanceof CpuPixels own && own.owner() == this) {
      return own;
    }
    throw new IllegalArgumentException(
        "pixels were not declared by this recorder, but by another one; declare them here");
  }

  private <W, P extends CpuPacked<W>> P own(Packed<W> weights, Class<P> type) {
    Objects.requireNonNull(weights, "weights");
    if (type.isInstance(weights) && type.cast(weights).owner() == device) {
      return type.cast(weights);
    }
    throw new IllegalArgumentException(
        "weights were packed by another device than this recorder's; pack them with this one");
  }
}
