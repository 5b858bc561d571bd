package dev.fovea;

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
import java.util.stream.Stream;

/**
 * The forward pass, written once in the seven verbs: weights that are packed on a device, and how a
 * plan is recorded from them.
 */
final class VisionTransformer {

  /** The matrices of one block, each written by the thread that packed it. */
  private static final class Block {
    private Packed<NormLinearWeights> qkv;
    private Packed<LinearAddWeights> projection;
    private Packed<NormLinearWeights> expand;
    private Packed<LinearAddWeights> contract;
  }

  private final VitConfig config;
  private final Device device;
  private final Packed<PatchEmbedWeights> patchEmbed;
  private final List<Block> blocks;
  private final Packed<NormWeights> norm;
  private final PositionEmbedding positions;

  /**
   * Reads and packs every weight; nothing of {@code weights} is kept.
   *
   * @throws IllegalStateException if the device has no kernels for such a model
   */
  VisionTransformer(VitConfig config, WeightSource weights, Device device) {
    device.checkHeads(config.width(), config.heads());
    WeightPacker packer = new WeightPacker(weights, device);
    this.config = config;
    this.device = device;
    this.patchEmbed = packer.patchEmbed("patch_embed.proj", config.patch());
    this.blocks = Stream.generate(Block::new).limit(config.depth()).toList();
    pack(packer);
    this.norm = packer.norm("norm", config.normEpsilon());
    this.positions =
        new PositionEmbedding(
            config,
            packer.read("cls_token"),
            config.registers() == 0 ? new float[0] : packer.read("register_tokens"),
            packer.read("pos_embed"));
  }

  /**
   * Reads and packs the matrices of all blocks, several at the same time: while one thread waits
   * for the file, another packs. Those of one size follow each other, see {@link WeightPacker}.
   */
  private void pack(WeightPacker packer) {
    int depth = config.depth();
    device.forAll(4 * depth, piece -> pack(packer, piece / depth, piece % depth));
  }

  private void pack(WeightPacker packer, int layer, int index) {
    boolean gated = config.mlp() == VitConfig.Mlp.SWIGLU;
    Activation activation = gated ? Activation.SWIGLU : Activation.GELU;
    String name = "blocks." + index + ".";
    String qkv = name + "attn.qkv";
    String expand = name + (gated ? "mlp.w12" : "mlp.fc1");
    String contract = name + (gated ? "mlp.w3" : "mlp.fc2");
    float epsilon = config.normEpsilon();
    Block block = blocks.get(index);
    switch (layer) {
      case 0 -> block.qkv = packer.normLinear(name + "norm1", epsilon, qkv, Activation.NONE);
      case 1 -> block.projection = packer.linearAdd(name + "attn.proj", name + "ls1");
      case 2 -> block.expand = packer.normLinear(name + "norm2", epsilon, expand, activation);
      default -> block.contract = packer.linearAdd(contract, name + "ls2");
    }
  }

  /** Where the weights are. */
  Device device() {
    return device;
  }

  /**
   * Position embeddings of an image of {@code rows} x {@code columns} patches.
   *
   * @param registers in the sequence: the trained ones as far as they go, then zeros
   */
  PositionTable positions(int rows, int columns, int registers) {
    return positions.table(rows, columns, registers);
  }

  /**
   * Records the forward pass of a request.
   *
   * @param edits of registers, where the table has rows for them
   * @param outputs is told of every matrix at the moment its contents are what a request may read
   */
  void record(
      Recorder recorder,
      Pixels pixels,
      int images,
      PositionTable table,
      Demand demand,
      RegisterEdits edits,
      Outputs outputs) {
    int width = config.width();
    int count = table.tokens();
    int rows = count + edits.spareRows();
    Tokens x = recorder.tokens(images, count, width);
    Tokens qkv = recorder.tokens(images, rows, 3 * width);
    Tokens attended = recorder.tokens(images, count, width);
    Tokens hidden = recorder.tokens(images, rows, config.hidden());
    if (demand.projected()) {
      PositionTable none = new PositionTable(table.prefix(), width, new float[count * width]);
      recorder.patchEmbed(pixels, patchEmbed, none, attended);
      outputs.embedded(attended);
    }
    recorder.patchEmbed(pixels, patchEmbed, table, x);
    for (int i = 0; i < demand.blocks(); i++) {
      Block block = blocks.get(i);
      boolean last = i == demand.blocks() - 1;
      Rows wanted = last ? demand.rows() : Rows.all(x);
      Rows queries = last ? demand.queries() : wanted;
      Rows watched = demand.watched().get(i);
      queriesKeysValues(recorder, x, queries, block, qkv);
      edits.queriesKeysValues(recorder, i, qkv);
      if (watched.count() > 0) {
        Tokens probabilities = recorder.tokens(images, config.heads() * watched.count(), rows);
        recorder.attention(qkv, config.heads(), queries, attended, watched, probabilities);
        outputs.attention(i, watched, probabilities);
      } else if (queries.count() > 0) {
        recorder.attention(qkv, config.heads(), queries, attended);
      }
      if (wanted.count() > 0) {
        recorder.linearAdd(attended, wanted, block.projection, x);
        recorder.normLinear(x, wanted, block.expand, Columns.all(hidden), hidden);
        edits.hidden(recorder, i, hidden);
        outputs.hidden(i, hidden);
        recorder.linearAdd(hidden, wanted, block.contract, x);
        edits.tokens(recorder, i, x);
      }
      outputs.block(i, x, qkv);
      if (demand.clsBlocks().contains(i)) {
        recorder.norm(x, new Rows(0, 1), norm, attended);
        outputs.blockCls(i, attended);
      }
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

    /** The projected patches, without positions; the rows before them mean nothing. */
    void embedded(Tokens projected);

    /**
     * The probabilities of some rows of a block, [images, heads x watched, keys]; the first keys
     * are those of the tokens.
     */
    void attention(int index, Rows watched, Tokens probabilities);

    /** What the MLP's second matrix of a block reads; the first rows are those of the tokens. */
    void hidden(int index, Tokens hidden);

    /** The residual stream after a block, and the qkv, whose first rows are those of the tokens. */
    void block(int index, Tokens x, Tokens qkv);

    /** CLS after a block and the final LayerNorm, in row 0. */
    void blockCls(int index, Tokens tokens);

    /** The tokens after the final LayerNorm. */
    void finished(Tokens tokens);
  }
}
