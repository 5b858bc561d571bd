package dev.fovea.bench.peers;

import static dev.fovea.bench.peers.OnnxGraph.attribute;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.fovea.VitConfig;
import dev.fovea.bench.peers.ExportedWeights.Linear;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The network as an ONNX model: what {@code torch.onnx} exports for one size of image and batch,
 * after the fusions that ONNX Runtime's transformer optimizer makes offline (MultiHeadAttention,
 * SkipLayerNormalization, Gelu) and with tokens as the rows of one matrix, so that projections are
 * Gemm nodes that add the bias themselves. Of the forms that were tried (see bench/JOURNAL.md) this
 * is the fastest.
 */
final class OnnxNetwork {

  /** The input's name: [batch, 3, pixels, pixels], normalised. */
  static final String PIXELS = "pixels";

  /** The output's name: [batch, D] or [batch, N, D]. */
  static final String FEATURES = "features";

  private final ExportedWeights weights;
  private final Task task;
  private final OnnxGraph graph;
  private final VitConfig config;
  private final int width;
  private final int tokens;

  private OnnxNetwork(ExportedWeights weights, Task task, OnnxGraph graph) {
    this.weights = weights;
    this.task = task;
    this.graph = graph;
    this.config = weights.config();
    this.width = config.width();
    this.tokens = config.tokens(task.pixels(), task.pixels());
  }

  /** Writes the model, and its weights into a file of the same name with ".data". */
  static void write(ExportedWeights weights, Task task, Path file) throws IOException {
    try (OnnxGraph graph = new OnnxGraph(file)) {
      new OnnxNetwork(weights, task, graph).write();
    }
  }

  private void write() throws IOException {
    graph.input(PIXELS, task.batch(), 3, task.pixels(), task.pixels());
    String stream = embed();
    String normed =
        graph.node("LayerNormalization", withNorm(List.of(stream), "blocks.0.norm1"), epsilon());
    for (int i = 0; i < config.depth(); i++) {
      String block = "blocks." + i + ".";
      boolean last = i == config.depth() - 1;
      String attended = attention(block, normed);
      List<String> middle =
          addAndNorm(
              stream,
              gemm(attended, weights.scaledLinear(block + "attn.proj", block + "ls1")),
              block + "norm2");
      String hidden =
          graph.fusedNode("Gelu", List.of(gemm(middle.get(0), weights.linear(block + "mlp.fc1"))));
      String update = gemm(hidden, weights.scaledLinear(block + "mlp.fc2", block + "ls2"));
      if (last && task.output() == Output.CLS) {
        cls(graph.node("Add", List.of(middle.get(1), update)));
        graph.write();
        return;
      }
      List<String> end =
          addAndNorm(middle.get(1), update, last ? "norm" : "blocks." + (i + 1) + ".norm1");
      normed = end.get(0);
      stream = end.get(1);
    }
    graph.output(FEATURES, images(normed), task.batch(), tokens, width);
    graph.write();
  }

  /** Pixels to [batch * N, D]. */
  private String embed() throws IOException {
    int patch = config.patch();
    Linear projection = weights.linear("patch_embed.proj");
    List<Long> square = List.of((long) patch, (long) patch);
    String grid =
        graph.node(
            "Conv",
            List.of(
                PIXELS,
                graph.weight(projection.matrix(), width, 3, patch, patch),
                graph.weight(projection.bias(), width)),
            attribute("kernel_shape", square),
            attribute("strides", square));
    int patches = tokens - config.prefix();
    String channels =
        graph.node("Reshape", List.of(grid, graph.integers(task.batch(), width, patches)));
    String rows =
        graph.node("Transpose", List.of(channels), attribute("perm", List.of(0L, 2L, 1L)));
    String placed =
        graph.node("Add", List.of(rows, graph.weight(weights.patchPositions(), 1, patches, width)));
    String prefix =
        graph.weight(weights.prefix(task.batch()), task.batch(), config.prefix(), width);
    return matrix(graph.node("Concat", List.of(prefix, placed), attribute("axis", 1)));
  }

  /** Three projections instead of one that is split: ONNX Runtime is faster that way. */
  private String attention(String block, String normed) throws IOException {
    Linear qkv = weights.linear(block + "attn.qkv");
    String attended =
        graph.fusedNode(
            "MultiHeadAttention",
            List.of(
                images(gemm(normed, qkv.rows(0, width))),
                images(gemm(normed, qkv.rows(width, width))),
                images(gemm(normed, qkv.rows(2 * width, width)))),
            attribute("num_heads", config.heads()));
    return matrix(attended);
  }

  private String gemm(String rows, Linear linear) throws IOException {
    return graph.node(
        "Gemm",
        List.of(
            rows,
            graph.weight(linear.transposed(), linear.inputs(), linear.outputs()),
            graph.weight(linear.bias(), linear.outputs())));
  }

  /** The normalised sum of two matrices, and the sum. */
  private List<String> addAndNorm(String stream, String update, String norm) throws IOException {
    return graph.skipLayerNormalization(withNorm(List.of(stream, update), norm), epsilon());
  }

  private List<String> withNorm(List<String> inputs, String norm) throws IOException {
    String scale = graph.weight(weights.read(norm + ".weight"), width);
    String shift = graph.weight(weights.read(norm + ".bias"), width);
    return inputs.size() == 1
        ? List.of(inputs.get(0), scale, shift)
        : List.of(inputs.get(0), inputs.get(1), scale, shift);
  }

  private AttributeProto epsilon() {
    return attribute("epsilon", config.normEpsilon());
  }

  /** CLS is cut out before the final norm, which saves that of the other rows. */
  private void cls(String stream) throws IOException {
    String rows =
        graph.node("Gather", List.of(images(stream), graph.integer(0)), attribute("axis", 1));
    graph.output(
        FEATURES,
        graph.node("LayerNormalization", withNorm(List.of(rows), "norm"), epsilon()),
        task.batch(),
        width);
  }

  /** [batch * N, D] as [batch, N, D]: nothing is copied. */
  private String images(String rows) {
    return graph.node("Reshape", List.of(rows, graph.integers(task.batch(), tokens, width)));
  }

  /** [batch, N, D] as [batch * N, D]. */
  private String matrix(String images) {
    return graph.node(
        "Reshape", List.of(images, graph.integers((long) task.batch() * tokens, width)));
  }
}
