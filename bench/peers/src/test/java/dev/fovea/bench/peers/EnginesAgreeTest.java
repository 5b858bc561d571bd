package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.bench.peers.TorchScriptNetwork.Linears;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The peers run the network that Fovea runs: with the same weights they give the same features. */
class EnginesAgreeTest {

  /** Features are of order 1 and have gone through two blocks in float32. */
  private static final double TOLERANCE = 2e-5;

  @TempDir private Path folder;

  /** The stored grid is 5 x 5 patches: smaller, native and larger images. */
  static List<Task> tasks() {
    List<Task> tasks = new ArrayList<>();
    for (int pixels : new int[] {42, 70, 98}) {
      for (int batch : new int[] {1, 3}) {
        for (Output output : Output.values()) {
          tasks.add(new Task(pixels, batch, output));
        }
      }
    }
    return tasks;
  }

  @ParameterizedTest
  @MethodSource("tasks")
  void agreeOnFeatures(Task task) throws IOException {
    ModelFiles files = new ModelFiles(folder);
    Path artifact = files.artifact("synthetic:tiny-reg4");
    float[] expected = result(new FoveaRunner(artifact, task, 2));
    assertThat(expected)
        .hasSize(task.batch() * (task.output() == Output.CLS ? 1 : rows(task)) * 128);
    try (ExportedWeights weights = new ExportedWeights(artifact, task.pixels())) {
      for (OnnxForm form : OnnxForm.values()) {
        Path onnx = files.onnx(weights, task, form);
        assertClose(result(new OnnxRuntimeRunner(onnx, task, 1)), expected);
        assertClose(result(new OnnxRuntimeRunner(onnx, task, 2)), expected);
      }
      for (Linears linears : Linears.values()) {
        Path archive = files.torchScript(weights, task, linears);
        assertClose(result(new LibTorchRunner(archive, task)), expected);
      }
    }
  }

  @Test
  void modelsWithoutRegistersToo() throws IOException {
    Task task = new Task(56, 1, Output.TOKENS);
    ModelFiles files = new ModelFiles(folder);
    Path artifact = files.artifact("synthetic:tiny@7");
    float[] expected = result(new FoveaRunner(artifact, task, 1));
    try (ExportedWeights weights = new ExportedWeights(artifact, task.pixels())) {
      for (OnnxForm form : OnnxForm.values()) {
        Path onnx = files.onnx(weights, task, form);
        assertClose(result(new OnnxRuntimeRunner(onnx, task, 1)), expected);
      }
      Path archive = files.torchScript(weights, task, Linears.ONEDNN);
      assertClose(result(new LibTorchRunner(archive, task)), expected);
    }
  }

  private static int rows(Task task) {
    return 5 + (task.pixels() / 14) * (task.pixels() / 14);
  }

  /** Of the second run, which must not depend on the first. */
  private static float[] result(Runner runner) {
    try (runner) {
      runner.run();
      float[] first = runner.result();
      runner.run();
      float[] second = runner.result();
      assertThat(second).isEqualTo(first);
      assertThat(runner.version()).isNotBlank();
      return second;
    }
  }

  private static void assertClose(float[] actual, float[] expected) {
    assertThat(Row.difference(actual, expected)).isLessThan(TOLERANCE);
  }
}
