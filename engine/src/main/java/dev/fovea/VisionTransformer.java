package dev.fovea;

import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Pixels;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The forward pass, written once in the six verbs: packed weights, and how a plan is recorded from
 * them.
 */
final class VisionTransformer {

  private record Block(
      Packed<NormLinearWeights> qkv,
      Packed<LinearAddWeights> projection,
      Packed<NormLinearWeights> expand,
      Packed<LinearAddWeights> contract) {}

  private final VitConfig config;
  private final Packed<PatchEmbedWeights> patchEmbed;
  private final List<Block> blocks;
  private final Packed<NormWeights> norm;
  private final PositionEmbedding positions;

  /** Reads, checks and packs every weight; nothing of {@code weights} is kept. */
  VisionTransformer(VitWeights weights, Device device) {
    this.config = weights.config();
    this.patchEmbed =
        device.pack(
            new PatchEmbedWeights(
                weights.read("patch_embed.proj.weight"),
                weights.read("patch_embed.proj.bias"),
                config.patch()));
    this.blocks =
        IntStream.range(0, config.depth()).mapToObj(i -> block(i, weights, device)).toList();
    this.norm = device.pack(layerNorm("norm", weights));
    this.positions =
        new PositionEmbedding(
            config,
            weights.read("cls_token"),
            config.registers() == 0 ? new float[0] : weights.read("register_tokens"),
            weights.read("pos_embed"));
  }

  private Block block(int index, VitWeights weights, Device device) {
    String prefix = "blocks." + index + ".";
    boolean gated = config.mlp() == VitConfig.Mlp.SWIGLU;
    return new Block(
        device.pack(normLinear(prefix + "norm1", prefix + "attn.qkv", Activation.NONE, weights)),
        device.pack(linearAdd(prefix + "attn.proj", prefix + "ls1", weights)),
        device.pack(
            normLinear(
                prefix + "norm2",
                prefix + (gated ? "mlp.w12" : "mlp.fc1"),
                gated ? Activation.SWIGLU : Activation.GELU,
                weights)),
        device.pack(linearAdd(prefix + (gated ? "mlp.w3" : "mlp.fc2"), prefix + "ls2", weights)));
  }

  private NormWeights layerNorm(String layer, VitWeights weights) {
    return new NormWeights(
        weights.read(layer + ".weight"), weights.read(layer + ".bias"), config.normEpsilon());
  }

  private NormLinearWeights normLinear(
      String layerNorm, String linear, Activation activation, VitWeights weights) {
    return new NormLinearWeights(
        layerNorm(layerNorm, weights),
        weights.read(linear + ".weight"),
        weights.read(linear + ".bias"),
        activation);
  }

  private static LinearAddWeights linearAdd(String linear, String scale, VitWeights weights) {
    return new LinearAddWeights(
        weights.read(linear + ".weight"),
        weights.read(linear + ".bias"),
        weights.read(scale + ".gamma"));
  }

  /** Position embeddings of an image of {@code rows} x {@code columns} patches. */
  PositionTable positions(int rows, int columns) {
    return positions.table(rows, columns);
  }

  /**
   * Records the forward pass of a request.
   *
   * @param outputs is told of every matrix at the moment its contents are what a request may read
   */
  void record(
      Recorder recorder,
      Pixels pixels,
      int images,
      PositionTable table,
      Demand demand,
      Outputs outputs) {
    int width = config.width();
    int count = table.tokens();
    Tokens x = recorder.tokens(images, count, width);
    Tokens qkv = recorder.tokens(images, count, 3 * width);
    Tokens attended = recorder.tokens(images, count, width);
    Tokens hidden = recorder.tokens(images, count, config.hidden());
    recorder.patchEmbed(pixels, patchEmbed, table, x);
    for (int i = 0; i < demand.blocks(); i++) {
      Block block = blocks.get(i);
      boolean last = i == config.depth() - 1;
      Rows wanted = last ? demand.rows() : Rows.all(x);
      Rows queries = last ? demand.queries() : wanted;
      queriesKeysValues(recorder, x, queries, block, qkv);
      if (last && demand.watched().count() > 0) {
        Tokens probabilities =
            recorder.tokens(images, config.heads() * demand.watched().count(), count);
        recorder.attention(qkv, config.heads(), queries, attended, demand.watched(), probabilities);
        outputs.attention(probabilities);
      } else if (queries.count() > 0) {
        recorder.attention(qkv, config.heads(), queries, attended);
      }
      if (wanted.count() > 0) {
        recorder.linearAdd(attended, wanted, block.projection, x);
        recorder.normLinear(x, wanted, block.expand, Columns.all(hidden), hidden);
        recorder.linearAdd(hidden, wanted, block.contract, x);
      }
      outputs.block(i, x, qkv);
    }
    if (demand.normed().count() > 0) {
      recorder.norm(x, demand.normed(), norm, attended);
      outputs.finished(attended);
    }
  }

  /** Keys and values of every token; queries only of the rows that ask. */
  private void queriesKeysValues(
      Recorder recorder, Tokens x, Rows queries, Block block, Tokens qkv) {
    if (queries.equals(Rows.all(x))) {
      recorder.normLinear(x, queries, block.qkv, Columns.all(qkv), qkv);
    } else {
      int width = config.width();
      if (queries.count() > 0) {
        recorder.normLinear(x, queries, block.qkv, new Columns(0, width), qkv);
      }
      recorder.normLinear(x, Rows.all(x), block.qkv, new Columns(width, 2 * width), qkv);
    }
  }

  /**
   * What a request needs of the forward pass.
   *
   * @param blocks blocks to compute
   * @param rows tokens that are needed after the last block
   * @param queries tokens whose attention is needed in the last block; at least {@code rows}
   * @param watched tokens whose attention probabilities are wanted
   * @param normed tokens that go through the final LayerNorm; a part of {@code rows}
   */
  record Demand(int blocks, Rows rows, Rows queries, Rows watched, Rows normed) {

    static Demand of(FeatureRequest request, VitConfig config, int tokens) {
      Rows none = new Rows(0, 0);
      Rows all = new Rows(0, tokens);
      Rows cls = new Rows(0, 1);
      Rows registers = new Rows(1, config.registers());
      Rows patches = new Rows(config.prefix(), tokens - config.prefix());
      Rows normed = none;
      Rows watched = none;
      Rows rows = none;
      for (Feature feature : request.features()) {
        switch (feature) {
          case EMBEDDING -> normed = cover(normed, embeddingRows(request, cls, patches));
          case CLS -> normed = cover(normed, cls);
          case REGISTERS -> normed = cover(normed, registers);
          case PATCHES -> normed = cover(normed, patches);
          case TOKENS -> normed = all;
          case PRENORM_TOKENS -> rows = all;
          case BLOCKS -> rows = request.blocks().getLast() == config.depth() - 1 ? all : rows;
          case CLS_ATTENTION -> watched = cover(watched, cls);
          case REGISTER_ATTENTION -> watched = cover(watched, registers);
          case ATTENTION -> watched = all;
          case KEYS -> {}
        }
      }
      rows = cover(rows, normed);
      boolean onlyBlocks = request.features().size() == 1 && request.wants(Feature.BLOCKS);
      int blocks = onlyBlocks ? request.blocks().getLast() + 1 : config.depth();
      return new Demand(blocks, rows, cover(rows, watched), watched, normed);
    }

    private static Rows embeddingRows(FeatureRequest request, Rows cls, Rows patches) {
      return switch (request.pooling()) {
        case CLS -> cls;
        case MEAN -> patches;
        case CLS_MEAN -> cover(cls, patches);
      };
    }

    /** The smallest range that holds both. */
    private static Rows cover(Rows a, Rows b) {
      if (a.count() == 0 || b.count() == 0) {
        return a.count() == 0 ? b : a;
      }
      int first = Math.min(a.first(), b.first());
      return new Rows(first, Math.max(a.end(), b.end()) - first);
    }
  }

  /** Where a recording tells what can be read, when. */
  interface Outputs {

    /** The last block's probabilities, [images, heads x watched, tokens]. */
    void attention(Tokens probabilities);

    /** The residual stream and the qkv after a block. */
    void block(int index, Tokens x, Tokens qkv);

    /** The tokens after the final LayerNorm. */
    void finished(Tokens tokens);
  }
}
