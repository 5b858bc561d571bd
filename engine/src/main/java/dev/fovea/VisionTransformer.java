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
import java.util.function.Supplier;
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

  /** Reads and packs every weight; nothing of {@code weights} is kept. */
  VisionTransformer(VitWeights weights, Device device) {
    this.config = weights.config();
    String patches = "patch_embed.proj";
    this.patchEmbed =
        pack(
            patches,
            () ->
                device.pack(
                    new PatchEmbedWeights(
                        weights.read(patches + ".weight"),
                        weights.read(patches + ".bias"),
                        config.patch())));
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
    String block = "blocks." + index + ".";
    boolean gated = config.mlp() == VitConfig.Mlp.SWIGLU;
    String expand = block + (gated ? "mlp.w12" : "mlp.fc1");
    String contract = block + (gated ? "mlp.w3" : "mlp.fc2");
    Activation activation = gated ? Activation.SWIGLU : Activation.GELU;
    return new Block(
        normLinear(block + "norm1", block + "attn.qkv", Activation.NONE, weights, device),
        linearAdd(block + "attn.proj", block + "ls1", weights, device),
        normLinear(block + "norm2", expand, activation, weights, device),
        linearAdd(contract, block + "ls2", weights, device));
  }

  private NormWeights layerNorm(String layer, VitWeights weights) {
    return new NormWeights(
        weights.read(layer + ".weight"), weights.read(layer + ".bias"), config.normEpsilon());
  }

  private Packed<NormLinearWeights> normLinear(
      String layerNorm, String linear, Activation activation, VitWeights weights, Device device) {
    return pack(
        linear,
        () ->
            device.pack(
                new NormLinearWeights(
                    layerNorm(layerNorm, weights),
                    weights.read(linear + ".weight"),
                    weights.read(linear + ".bias"),
                    activation)));
  }

  private static Packed<LinearAddWeights> linearAdd(
      String linear, String scale, VitWeights weights, Device device) {
    return pack(
        linear,
        () ->
            device.pack(
                new LinearAddWeights(
                    weights.read(linear + ".weight"),
                    weights.read(linear + ".bias"),
                    weights.read(scale + ".gamma"))));
  }

  /**
   * A device refuses values that its storage cannot hold; it does not know what they are called.
   */
  private static <W> Packed<W> pack(String layer, Supplier<Packed<W>> packing) {
    try {
      return packing.get();
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(layer + ": " + e.getMessage(), e);
    }
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
