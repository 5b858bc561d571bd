package dev.fovea.bench.peers;

import static dev.fovea.bench.peers.OnnxGraph.attribute;

import dev.fovea.bench.peers.ExportedWeights.Linear;
import java.io.IOException;
import java.util.List;

/**
 * What {@code torch.onnx} exports (opset 17) from the published model of Hugging Face's
 * transformers: operators of ONNX alone, a layer a node, q, k and v apart, GELU by its error
 * function, LayerScale as a product, the final norm of every token. What can be fused is left to
 * ONNX Runtime.
 */
final class ExportedOnnxNetwork extends OnnxNetwork {

  ExportedOnnxNetwork(ExportedWeights weights, Task task, OnnxGraph graph) {
    super(weights, task, graph);
  }

  @Override
  void blocks(String embedded) throws IOException {
    String stream = embedded;
    for (int i = 0; i < config.depth(); i++) {
      String block = "blocks." + i + ".";
      String attended = attention(block, layerNormalization(stream, block + "norm1"));
      String projected = linear(attended, weights.linear(block + "attn.proj"));
      stream = add(scaled(projected, block + "ls1"), stream);
      String normed = layerNormalization(stream, block + "norm2");
      String hidden = gelu(linear(normed, weights.linear(block + "mlp.fc1")));
      String update = linear(hidden, weights.linear(block + "mlp.fc2"));
      stream = add(scaled(update, block + "ls2"), stream);
    }
    String normed = layerNormalization(stream, "norm");
    switch (task.output()) {
      case CLS -> graph.output(FEATURES, cls(normed), task.batch(), width);
      case TOKENS -> graph.output(FEATURES, normed, task.batch(), tokens, width);
    }
  }

  /** softmax(q k^T / sqrt(d)) v of every head, before the projection: [batch, N, D]. */
  private String attention(String block, String normed) throws IOException {
    Linear qkv = weights.linear(block + "attn.qkv");
    String queries = heads(linear(normed, qkv.rows(0, width)), 0, 2, 1, 3);
    String keys = heads(linear(normed, qkv.rows(width, width)), 0, 2, 3, 1);
    String values = heads(linear(normed, qkv.rows(2 * width, width)), 0, 2, 1, 3);
    String root = scalar((float) Math.sqrt(headWidth()));
    String scores = graph.node("Div", List.of(graph.node("MatMul", List.of(queries, keys)), root));
    String probabilities = graph.node("Softmax", List.of(scores), attribute("axis", -1));
    String sums = graph.node("MatMul", List.of(probabilities, values));
    return reshape(transpose(sums, 0, 2, 1, 3), task.batch(), tokens, width);
  }

  /** [batch, N, D] as [batch, N, heads, d], and that transposed. */
  private String heads(String rows, long... order) {
    String apart = reshape(rows, task.batch(), tokens, config.heads(), headWidth());
    return transpose(apart, order);
  }

  private int headWidth() {
    return width / config.heads();
  }

  private String linear(String rows, Linear linear) throws IOException {
    String matrix = graph.weight(linear.transposed(), linear.inputs(), linear.outputs());
    String product = graph.node("MatMul", List.of(rows, matrix));
    return add(graph.weight(linear.bias(), linear.outputs()), product);
  }

  private String scaled(String rows, String scale) throws IOException {
    return graph.node("Mul", List.of(rows, graph.weight(weights.read(scale + ".gamma"), width)));
  }

  /** x (1 + erf(x / sqrt(2))) / 2, in the order in which PyTorch's exporter writes it. */
  private String gelu(String rows) throws IOException {
    String ratio = graph.node("Div", List.of(rows, scalar((float) Math.sqrt(2))));
    String shifted = add(graph.node("Erf", List.of(ratio)), scalar(1));
    String doubled = graph.node("Mul", List.of(rows, shifted));
    return graph.node("Mul", List.of(doubled, scalar(0.5f)));
  }

  private String add(String left, String right) {
    return graph.node("Add", List.of(left, right));
  }

  private String scalar(float value) throws IOException {
    return graph.weight(new float[] {value});
  }
}
