package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.ProgressListener;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** convert, inspect and verify, on a checkpoint in the original's names. */
class CheckpointCommandsTest {

  @TempDir Path folder;
  private Path source;
  private Path artifact;

  @BeforeEach
  void writeCheckpoint() {
    source = folder.resolve("source.safetensors");
    artifact = folder.resolve("artifact.safetensors");
    write(source, Cli.TINY);
  }

  static void write(Path file, String name) {
    try (Checkpoint checkpoint = new SyntheticCheckpoint(name)) {
      SafetensorsWriter.write(
          file,
          List.copyOf(checkpoint.tensors().values()),
          Map.of(),
          checkpoint::read,
          ProgressListener.NONE);
    }
  }

  @Test
  void convertsVerifiesAndInspects() {
    Result converted = Cli.run("convert", source, "-o", artifact);
    assertThat(converted.exit()).as(converted.err()).isZero();
    assertThat(converted.out()).contains("4 registers", "original layout").hasLineCount(1);
    Result verified = Cli.run("verify", artifact, source);
    assertThat(verified.exit()).as(verified.err()).isZero();
    assertThat(verified.out()).contains(": verified, ").hasLineCount(1);
    JsonNode facts = JsonMapper.shared().readTree(Cli.run("inspect", artifact, "--json").out());
    assertThat(facts.get("config").get("registers").intValue()).isEqualTo(4);
    assertThat(facts.get("positionPolicy").asString()).isEqualTo("size-antialias");
    assertThat(facts.get("metadata").get("fovea.source").asString())
        .isEqualTo("source.safetensors");
    String table = Cli.run("inspect", artifact).out();
    assertThat(table).contains("4 registers").contains("blocks.1.mlp.fc2.weight");
    assertThat(table.lines()).anyMatch(line -> line.matches("cls_token +F32 +128 +\\[1, 1, 128]"));
  }

  @Test
  void dtypeAndPositionPolicyArriveInTheArtifact() {
    Result result =
        Cli.run(
            "convert", source, "-o", artifact, "--dtype", "bf16", "--position-policy", "offset");
    assertThat(result.exit()).as(result.err()).isZero();
    try (Checkpoint written = Safetensors.open(artifact)) {
      assertThat(written.tensors().get("cls_token").dtype()).isEqualTo("BF16");
      assertThat(written.metadata().get("fovea.config")).contains("\"offset\"");
    }
    assertThat(Cli.run("verify", artifact, source).exit()).isZero();
  }

  @Test
  void anArtifactOfOtherWeightsIsNotVerified() {
    Cli.run("convert", source, "-o", artifact);
    Path other = folder.resolve("other.safetensors");
    write(other, "synthetic:tiny-reg4@2");
    Result result = Cli.run("verify", artifact, other);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).contains("SHA-256").contains("wrong: ").contains("not verified");
  }

  @Test
  void whatIsNoCheckpointIsRefusedAndNothingIsWritten() throws IOException {
    Path text = Files.writeString(folder.resolve("text.safetensors"), "not a checkpoint at all");
    Result result = Cli.run("convert", text, "-o", artifact);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains(text.toString());
    assertThat(artifact).doesNotExist();
    assertThat(Cli.run("inspect", folder.resolve("nothing")).exit()).isEqualTo(1);
    assertThat(Cli.run("verify", artifact, source).exit()).isEqualTo(1);
  }

  @Test
  void whatIsNotUnderstoodIsExitCodeTwo() {
    assertThat(Cli.run("convert", source).exit()).isEqualTo(2);
    assertThat(Cli.run("convert", source, "-o", artifact, "--dtype", "i8").exit()).isEqualTo(2);
    Result policy = Cli.run("convert", source, "-o", artifact, "--position-policy", "none");
    assertThat(policy.exit()).isEqualTo(2);
    assertThat(policy.err()).contains("size-antialias");
    assertThat(Cli.run("verify", artifact).exit()).isEqualTo(2);
    assertThat(Cli.run("inspect").exit()).isEqualTo(2);
  }
}
