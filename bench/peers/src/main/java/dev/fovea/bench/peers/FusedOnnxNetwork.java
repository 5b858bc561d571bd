package dev.fovea.bench.peers;

import static dev.fovea.bench.peers.OnnxGraph.attribute;

import dev.fovea.bench.peers.ExportedWeights.Linear;
import java.io.IOException;
import java.util.List;

/**
 * What {@code torch.onnx} exports, after the fusions that ONNX Runtime's transformer optimizer
 * makes offline (MultiHeadAttention, SkipLayerNormalization, Gelu) and with tokens as the rows of
 * one matrix, so that projections are Gemm nodes that add the bias themselves. LayerScale is folded
 * into the layer before it. Of the forms that were tried (see bench/JOURNAL.md) this is the
 * fastest.
 */
final class FusedOnnxNetwork extends OnnxNetwork {

  FusedOnnxNetwork(ExportedWeights weights, Task task, OnnxGraph graph) {
    super(weights, task, graph);
  }

  @Override
  void blocks(String embedded) throws IOException {
    String stream = matrix(embedded);
    String normed = layerNormalization(stream, "blocks.0.norm1");
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
        // Cut out before the final norm, which saves that of the other rows.
        String rows = cls(images(graph.node("Add", List.of(middle.get(1), update))));
        graph.output(FEATURES, layerNormalization(rows, "norm"), task.batch(), width);
        return;
      }
      List<String> end =
          addAndNorm(middle.get(1), update, last ? "norm" : "blocks." + (i + 1) + ".norm1");
      normed = end.get(0);
      stream = end.get(1);
    }
    graph.output(FEATURES, images(normed), task.batch(), tokens, width);
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

  /** [batch * N, D] as [batch, N, D]: nothing is copied. */
  private String images(String rows) {
    return reshape(rows, task.batch(), tokens, width);
  }

  /** [batch, N, D] as [batch * N, D]. */
  private String matrix(String images) {
    return reshape(images, (long) task.batch() * tokens, width);
  }
}
