package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ParityCommandTest {

  @TempDir private Path folder;
  private Path image;

  @BeforeEach
  void paint() throws IOException {
    image = Cli.image(folder.resolve("a.png"), 60, 50, 1);
    Cli.image(folder.resolve("b.png"), 50, 60, 2);
  }

  @Test
  void kernelsThatAgreePass() {
    Result result =
        Cli.run(
            "parity", "-m", TINY, "--device", "cpu", "--kernels", "scalar", "--crop", 28, image);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out())
        .contains("1 image(s)", "relative L2", "block 0", "block 1", "CLS", "patches")
        .contains("reference  CPU", "device     CPU, scalar")
        .endsWith("near enough\n");
  }

  @Test
  void aDeviceWithAnErrorFailsWithTheReasonAndShowsWhere() {
    Result result =
        Cli.run("parity", "-m", TINY, "--device", "skewed", "--crop", 28, folder, "--json");
    assertThat(result.exit()).isEqualTo(1);
    JsonNode report = JsonMapper.shared().readTree(result.out());
    assertThat(report.get("images").asInt()).isEqualTo(2);
    assertThat(report.get("device").asString()).startsWith("skewed CPU");
    JsonNode differences = report.get("differences");
    assertThat(List.copyOf(differences.propertyNames()))
        .containsExactly(
            "block 0", "block 1", "CLS", "registers", "patches", "tokens", "embedding");
    assertThat(differences.get("block 1").get("relativeL2").asDouble()).isZero();
    assertThat(differences.get("tokens").get("relativeL2").asDouble()).isBetween(0.05, 0.1);
    assertThat(report.get("limits").get("clsCosine").asDouble()).isEqualTo(0.9999);
    assertThat(report.get("violations").size()).isEqualTo(4);
    Result text = Cli.run("parity", "-m", TINY, "--device", "skewed", "--crop", 28, image);
    assertThat(text.exit()).isEqualTo(1);
    assertThat(text.out())
        .contains("wrong: lowest cosine of CLS is 0.99", "at least 0.9999 expected")
        .endsWith("\nnot near enough\n");
  }

  @Test
  void storageDecidesTheLimits() {
    Result result =
        Cli.run(
            "parity",
            "-m",
            TINY,
            "--device",
            "cpu",
            "--storage",
            "bf16",
            "--crop",
            28,
            image,
            "--json");
    assertThat(result.exit()).as(result.out()).isZero();
    JsonNode report = JsonMapper.shared().readTree(result.out());
    assertThat(report.get("limits").get("relativeL2").asDouble()).isEqualTo(0.02);
    assertThat(report.get("reference").asString()).contains("F32");
    assertThat(report.get("device").asString()).contains("BF16");
  }

  @Test
  void anyDeviceCanBeTheReference() {
    Result result =
        Cli.run(
            "parity",
            "-m",
            TINY,
            "--reference",
            "skewed",
            "--reference-kernels",
            "scalar",
            "--device",
            "skewed",
            "--crop",
            28,
            image);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out()).contains("reference  skewed CPU, scalar");
  }

  @Test
  void devicesThatAreNotThereAreRefusedInOneLine() {
    Result result = Cli.run("parity", "-m", TINY, "--device", "abacus", image);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains("no device 'abacus'", "cpu, ", "skewed");
  }

  @Test
  void everyCommandThatRunsAModelTakesADevice() {
    Result skewed = Cli.run("embed", "-m", TINY, "--device", "skewed", "--crop", 28, image);
    Result plain = Cli.run("embed", "-m", TINY, "--crop", 28, image);
    assertThat(skewed.exit()).isZero();
    assertThat(skewed.out()).isNotEqualTo(plain.out());
    for (String command : List.of("embed", "features", "parity")) {
      assertThat(Cli.run(command, "--help").out()).contains("--device=NAME", "auto: a GPU");
    }
    assertThat(Cli.run("embed", "--help").out()).contains("Default: cpu.");
    assertThat(Cli.run("parity", "--help").out()).contains("Default: cuda.");
  }
}
