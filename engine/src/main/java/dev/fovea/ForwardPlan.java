package dev.fovea;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.Pixels;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A recorded forward pass for one request, batch and image size, and where its outputs go. Running
 * it allocates nothing.
 */
final class ForwardPlan implements AutoCloseable {

  /**
   * What a plan is made for.
   *
   * @param rgb whether pixels come as 8-bit RGB; otherwise as normalised planes
   * @param images images in the batch
   * @param height pixels
   * @param width pixels
   * @param request outputs
   */
  record Shape(boolean rgb, int images, int height, int width, FeatureRequest request) {

    /** Bytes of one image in {@link ForwardPlan#pixels}. */
    long pixelBytes() {
      return 3L * height * width * (rgb ? 1 : Float.BYTES);
    }

    /** Whether so many images like this one can be run for this request. */
    boolean fits(PreparedImage image, int count, FeatureRequest wanted) {
      return images == count
          && rgb == image.isRgb()
          && height == image.height()
          && width == image.width()
          && request.equals(wanted);
    }
  }

  /**
   * A strided copy from a host buffer into the memory of one image's features: {@code runs} runs of
   * {@code runBytes}, {@code runStride} bytes apart at the source and adjacent at the target.
   */
  private record Copy(
      MemorySegment source,
      long imageStride,
      long sourceOffset,
      int runs,
      long runBytes,
      long runStride,
      long targetOffset) {

    void run(int image, MemorySegment target, long targetBase) {
      long from = image * imageStride + sourceOffset;
      long to = targetBase + targetOffset;
      for (int i = 0; i < runs; i++) {
        MemorySegment.copy(source, from + i * runStride, target, to + i * runBytes, runBytes);
      }
    }
  }

  private final Shape shape;
  private final FeatureLayout layout;
  private final Pixels pixels;
  private final Plan plan;
  private final List<Copy> copies = new ArrayList<>();

  ForwardPlan(
      VisionTransformer model,
      RegisterEdits edits,
      PositionTable table,
      float[] lookup,
      Shape shape) {
    this.shape = shape;
    VitConfig config = edits.config();
    this.layout = new FeatureLayout(config, shape.request(), shape.height(), shape.width());
    Demand demand = Demand.of(shape.request(), edits, table.tokens());
    try (Recorder recorder = model.device().record()) {
      this.pixels =
          shape.rgb()
              ? recorder.rgb(shape.images(), shape.height(), shape.width(), lookup)
              : recorder.planes(shape.images(), shape.height(), shape.width());
      Reader reader = new Reader(recorder, config, table.tokens());
      model.record(recorder, pixels, shape.images(), table, demand, edits, reader);
      this.plan = recorder.build();
    }
  }

  Shape shape() {
    return shape;
  }

  FeatureLayout layout() {
    return layout;
  }

  /** Where the caller writes the images before {@link #run}, one after another. */
  MemorySegment pixels() {
    return pixels.host();
  }

  void run() {
    plan.run();
  }

  /** What {@link #run} runs. */
  Plan plan() {
    return plan;
  }

  /** Copies the outputs of one image to {@code target}, from byte {@code offset} on. */
  void copyFeatures(int image, MemorySegment target, long offset) {
    for (int i = 0; i < copies.size(); i++) {
      copies.get(i).run(image, target, offset);
    }
  }

  @Override
  public void close() {
    plan.close();
  }

  /** Records the reads that a request needs, at the moment their source holds the right values. */
  private final class Reader implements VisionTransformer.Outputs {

    private final Recorder recorder;
    private final VitConfig config;
    private final int tokens;
    private final FeatureRequest request = shape.request();

    Reader(Recorder recorder, VitConfig config, int tokens) {
      this.recorder = recorder;
      this.config = config;
      this.tokens = tokens;
    }

    @Override
    public void embedded(Tokens projected) {
      int prefix = config.prefix();
      rows(projected, Feature.PATCH_EMBEDDINGS, new Rows(prefix, projected.rows() - prefix));
    }

    @Override
    public void attention(int index, Rows watched, Tokens probabilities) {
      MemorySegment source =
          recorder.read(probabilities, Rows.all(probabilities), new Columns(0, tokens)).host();
      if (index == config.depth() - 1) {
        lastAttention(source, watched, Feature.CLS_ATTENTION, new Rows(0, 1));
        Rows registers = new Rows(1, config.registers());
        lastAttention(source, watched, Feature.REGISTER_ATTENTION, registers);
        lastAttention(source, watched, Feature.ATTENTION, new Rows(0, tokens));
      }
      int place = request.attentionBlocks().indexOf(index);
      if (place >= 0) {
        Rows prefix = new Rows(0, config.prefix());
        long block = (long) Float.BYTES * config.heads() * prefix.count() * tokens;
        long offset = layout.offset(Feature.PREFIX_ATTENTION) + place * block;
        attentionRows(source, watched, prefix, offset);
      }
    }

    private void lastAttention(MemorySegment source, Rows watched, Feature feature, Rows rows) {
      if (request.wants(feature) && rows.count() > 0) {
        attentionRows(source, watched, rows, layout.offset(feature));
      }
    }

    /** Of every head's watched rows, the ones that a feature is about. */
    private void attentionRows(MemorySegment source, Rows watched, Rows rows, long targetOffset) {
      long row = (long) Float.BYTES * tokens;
      long head = watched.count() * row;
      copies.add(
          new Copy(
              source,
              config.heads() * head,
              (rows.first() - watched.first()) * row,
              config.heads(),
              rows.count() * row,
              head,
              targetOffset));
    }

    @Override
    public void hidden(int index, Tokens hidden) {
      int place = request.hiddenBlocks().indexOf(index);
      if (place >= 0) {
        Rows rows = new Rows(0, tokens);
        long block = (long) Float.BYTES * tokens * hidden.width();
        whole(hidden, rows, Columns.all(hidden), layout.offset(Feature.HIDDEN) + place * block);
      }
    }

    @Override
    public void block(int index, Tokens x, Tokens qkv) {
      boolean last = index == config.depth() - 1;
      int place = request.blocks().indexOf(index);
      if (place >= 0 && request.wants(Feature.BLOCKS)) {
        long block = (long) Float.BYTES * x.rows() * x.width();
        whole(x, Rows.all(x), Columns.all(x), layout.offset(Feature.BLOCKS) + place * block);
      }
      if (last && request.wants(Feature.PRENORM_TOKENS)) {
        whole(x, Rows.all(x), Columns.all(x), layout.offset(Feature.PRENORM_TOKENS));
      }
      if (request.wants(Feature.REGISTER_KEYS_VALUES) && config.registers() > 0) {
        Columns both = new Columns(config.width(), 2 * config.width());
        long block = (long) Float.BYTES * config.registers() * both.count();
        long offset = layout.offset(Feature.REGISTER_KEYS_VALUES) + index * block;
        whole(qkv, new Rows(1, config.registers()), both, offset);
      }
      if (last) {
        third(qkv, Feature.QUERIES, 0);
        third(qkv, Feature.KEYS, 1);
        third(qkv, Feature.VALUES, 2);
      }
    }

    /** Queries, keys or values. */
    private void third(Tokens qkv, Feature feature, int index) {
      if (request.wants(feature)) {
        Columns columns = new Columns(index * config.width(), config.width());
        whole(qkv, new Rows(0, tokens), columns, layout.offset(feature));
      }
    }

    @Override
    public void blockCls(int index, Tokens tokens) {
      long row = (long) Float.BYTES * tokens.width();
      long place = request.blocks().indexOf(index);
      Columns channels = Columns.all(tokens);
      whole(tokens, new Rows(0, 1), channels, layout.offset(Feature.BLOCK_CLS) + place * row);
    }

    @Override
    public void finished(Tokens tokens) {
      rows(tokens, Feature.CLS, new Rows(0, 1));
      rows(tokens, Feature.REGISTERS, new Rows(1, config.registers()));
      rows(tokens, Feature.PATCHES, new Rows(config.prefix(), tokens.rows() - config.prefix()));
      rows(tokens, Feature.TOKENS, Rows.all(tokens));
      if (request.wants(Feature.EMBEDDING)) {
        Tokens embedding =
            recorder.tokens(tokens.images(), 1, request.embeddingLength(config.width()));
        recorder.pool(tokens, config.prefix(), request.pooling(), request.normalize(), embedding);
        rows(embedding, Feature.EMBEDDING, Rows.all(embedding));
      }
    }

    private void rows(Tokens tokens, Feature feature, Rows rows) {
      if (request.wants(feature) && rows.count() > 0) {
        whole(tokens, rows, Columns.all(tokens), layout.offset(feature));
      }
    }

    private void whole(Tokens tokens, Rows rows, Columns columns, long targetOffset) {
      HostBuffer buffer = recorder.read(tokens, rows, columns);
      long bytes = (long) Float.BYTES * rows.count() * columns.count();
      copies.add(new Copy(buffer.host(), bytes, 0, 1, bytes, bytes, targetOffset));
    }
  }
}
