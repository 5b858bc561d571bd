package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxGraphTest {

  @TempDir private Path folder;

  @Test
  void writesNodesAndKeepsWeightsInPagesOfAnotherFile() throws IOException {
    Path file = folder.resolve("graph.onnx");
    try (OnnxGraph graph = OnnxGraph.withWeightsBeside(file)) {
      graph.input("x", 1, 2);
      String first = graph.weight(new float[] {1, 2}, 2);
      String second = graph.weight(new float[] {3, 4, 5, 6}, 2, 2);
      String product = graph.node("MatMul", List.of("x", second));
      graph.output("y", graph.node("Add", List.of(product, first)), 1, 2);
      graph.write();
    }
    ModelProto model = ModelProto.parseFrom(Files.readAllBytes(file));
    assertThat(model.getOpsetImportList())
        .anySatisfy(
            opset -> {
              assertThat(opset.getDomain()).isEmpty();
              assertThat(opset.getVersion()).isGreaterThanOrEqualTo(17);
            });
    assertThat(model.getGraph().getNodeList())
        .extracting(node -> node.getOpType())
        .containsExactly("MatMul", "Add", "Identity");
    TensorProto matrix = model.getGraph().getInitializer(1);
    assertThat(matrix.getDimsList()).containsExactly(2L, 2L);
    long offset = Long.parseLong(entry(matrix, "offset"));
    assertThat(offset).isPositive().matches(at -> at % 4096 == 0, "begins a page");
    byte[] data = Files.readAllBytes(folder.resolve(entry(matrix, "location")));
    ByteBuffer floats = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(floats.getFloat((int) offset + 8)).isEqualTo(5f);
    assertThat(data).hasSize((int) offset + Integer.parseInt(entry(matrix, "length")));
  }

  @Test
  void keepsWeightsInsideWhereAsked() throws IOException {
    Path file = folder.resolve("graph.onnx");
    try (OnnxGraph graph = OnnxGraph.withWeightsInside(file)) {
      graph.input("x", 1, 2);
      graph.output("y", graph.node("Add", List.of("x", graph.weight(new float[] {1, 2}, 2))), 1, 2);
      graph.write();
    }
    TensorProto vector =
        ModelProto.parseFrom(Files.readAllBytes(file)).getGraph().getInitializer(0);
    ByteBuffer floats = vector.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    assertThat(floats.getFloat(4)).isEqualTo(2f);
    assertThat(vector.getExternalDataList()).isEmpty();
    assertThat(folder.toFile().list()).containsExactly("graph.onnx");
  }

  private static String entry(TensorProto tensor, String key) {
    return tensor.getExternalDataList().stream()
        .filter(entry -> entry.getKey().equals(key))
        .map(StringStringEntryProto::getValue)
        .findFirst()
        .orElseThrow();
  }
}
