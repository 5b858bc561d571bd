package dev.fovea.bench.peers;

import static dev.fovea.bench.peers.OnnxGraph.attribute;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.fovea.VitConfig;
import dev.fovea.bench.peers.ExportedWeights.Linear;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;

/** The network as an ONNX model for one size of image and batch: what both forms have in common. */
abstract sealed class OnnxNetwork permits ExportedOnnxNetwork, FusedOnnxNetwork {

  /** The input's name: [batch, 3, pixels, pixels], normalised. */
  static final String PIXELS = "pixels";

  /** The output's name: [batch, D] or [batch, N, D]. */
  static final String FEATURES = "features";

  final ExportedWeights weights;
  final Task task;
  final OnnxGraph graph;
  final VitConfig config;
  final int width;
  final int tokens;

  OnnxNetwork(ExportedWeights weights, Task task, OnnxGraph graph) {
    this.weights = weights;
    this.task = task;
    this.graph = graph;
    this.config = weights.config();
    this.width = config.width();
    this.tokens = config.tokens(task.pixels(), task.pixels());
  }

  /**
   * Writes the model.
   *
   * @param file has the weights inside in the exported form; in the fused one a file of the same
   *     name with ".data" holds them
   */
  static void write(OnnxForm form, ExportedWeights weights, Task task, Path file)
      throws IOException {
    try (OnnxGraph graph =
        switch (form) {
          case EXPORTED -> OnnxGraph.withWeightsInside(file);
          case FUSED -> OnnxGraph.withWeightsBeside(file);
        }) {
      OnnxNetwork network =
          switch (form) {
            case EXPORTED -> new ExportedOnnxNetwork(weights, task, graph);
            case FUSED -> new FusedOnnxNetwork(weights, task, graph);
          };
      graph.input(PIXELS, task.batch(), 3, task.pixels(), task.pixels());
      network.blocks(network.embed());
      graph.write();
    }
  }

  /** Adds the blocks, the final norm and the output, from the embedded patches [batch, N, D] on. */
  abstract void blocks(String embedded) throws IOException;

  /** Pixels to [batch, N, D]. */
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
    String channels = reshape(grid, task.batch(), width, patches);
    String rows = transpose(channels, 0, 2, 1);
    String placed =
        graph.node("Add", List.of(rows, graph.weight(weights.patchPositions(), 1, patches, width)));
    String prefix =
        graph.weight(weights.prefix(task.batch()), task.batch(), config.prefix(), width);
    return graph.node("Concat", List.of(prefix, placed), attribute("axis", 1));
  }

  final String layerNormalization(String rows, String norm) throws IOException {
    return graph.node("LayerNormalization", withNorm(List.of(rows), norm), epsilon());
  }

  /** Inputs of a node, and after them scale and shift of a norm. */
  final List<String> withNorm(List<String> inputs, String norm) throws IOException {
    String scale = graph.weight(weights.read(norm + ".weight"), width);
    String shift = graph.weight(weights.read(norm + ".bias"), width);
    return inputs.size() == 1
        ? List.of(inputs.get(0), scale, shift)
        : List.of(inputs.get(0), inputs.get(1), scale, shift);
  }

  final AttributeProto epsilon() {
    return attribute("epsilon", config.normEpsilon());
  }

  final String reshape(String value, long... shape) {
    return graph.node("Reshape", List.of(value, graph.integers(shape)));
  }

  final String transpose(String value, long... order) {
    return graph.node(
        "Transpose", List.of(value), attribute("perm", LongStream.of(order).boxed().toList()));
  }

  /** CLS of [batch, N, D]. */
  final String cls(String images) {
    return graph.node("Gather", List.of(images, graph.integer(0)), attribute("axis", 1));
  }
}
