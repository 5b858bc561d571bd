package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Commands on the GPU path, whose kernels the PTX interpreter runs. */
class InterpretedGpuTest {

  @TempDir private Path folder;
  private Path image;

  @BeforeEach
  void paint() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "the command brings CUDA along on Linux on x86-64 only");
    image = Cli.image(folder.resolve("a.png"), 28, 28, 1);
  }

  @Test
  void parityWithTheCpuIsNearEnough() {
    Result result =
        Cli.run("parity", "-m", TINY, "--device", "interpreted", "--crop", 28, image, "--json");
    assertThat(result.exit()).as(result.out() + result.err()).isZero();
    JsonNode report = JsonMapper.shared().readTree(result.out());
    assertThat(report.get("reference").asString()).startsWith("CPU");
    assertThat(report.get("device").asString()).contains("PTX interpreter", "own products");
    assertThat(report.get("violations").size()).isZero();
    // 16-bit operands: near, but not the CPU itself.
    assertThat(report.get("differences").get("tokens").get("relativeL2").asDouble())
        .isBetween(1e-5, 5e-3);
  }

  @Test
  void featuresAreWrittenAsTheCpuWritesThem() {
    try (Checkpoint cpu = features("cpu");
        Checkpoint gpu = features("interpreted")) {
      assertThat(gpu.tensors()).isEqualTo(cpu.tensors()).hasSize(5);
      for (TensorInfo tensor : cpu.tensors().values()) {
        assertThat(relativeL2(values(gpu, tensor), values(cpu, tensor)))
            .as(tensor.name())
            .isBetween(1e-5, 5e-3);
      }
    }
  }

  private Checkpoint features(String device) {
    Path out = folder.resolve(device + ".safetensors");
    Result result =
        Cli.run(
            "features",
            "-m",
            TINY,
            "--device",
            device,
            "--crop",
            28,
            image,
            "--out",
            out,
            "--blocks",
            "--attention");
    assertThat(result.exit()).as(result.err()).isZero();
    return Safetensors.open(out);
  }

  private static float[] values(Checkpoint file, TensorInfo tensor) {
    float[] values = new float[Math.toIntExact(tensor.elements())];
    file.read(tensor.name(), 0, values, 0, values.length);
    return values;
  }

  private static double relativeL2(float[] got, float[] want) {
    double difference = 0;
    double squares = 0;
    for (int i = 0; i < want.length; i++) {
      difference += Math.pow((double) got[i] - want[i], 2);
      squares += Math.pow(want[i], 2);
    }
    return Math.sqrt(difference / squares);
  }
}
