package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExportedOnnxNetworkTest {

  @TempDir private Path folder;

  /** A peer that were handed its own fused operators would not be what the name says. */
  @Test
  void hasOnlyOperatorsOfOnnxAndItsWeightsInside() throws IOException {
    ModelFiles files = new ModelFiles(folder);
    Path artifact = files.artifact("synthetic:tiny-reg4");
    Task task = new Task(42, 1, Output.TOKENS);
    ModelProto model;
    try (ExportedWeights weights = new ExportedWeights(artifact, task.pixels())) {
      Path onnx = files.onnx(weights, task, OnnxForm.EXPORTED);
      model = ModelProto.parseFrom(Files.readAllBytes(onnx));
    }
    List<NodeProto> nodes = model.getGraph().getNodeList();
    assertThat(nodes).allSatisfy(node -> assertThat(node.getDomain()).isEmpty());
    assertThat(nodes)
        .extracting(NodeProto::getOpType)
        .contains("MatMul", "Add", "LayerNormalization", "Softmax", "Div", "Erf", "Mul")
        .doesNotContain("Gemm", "Gelu");
    assertThat(model.getGraph().getInitializerList())
        .extracting(TensorProto::getDataLocation)
        .containsOnly(TensorProto.DataLocation.DEFAULT);
  }
}
