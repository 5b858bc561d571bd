package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ProbeCommandTest {

  @TempDir private Path folder;
  private Path data;
  private Path cache;

  /** Classes differ in size: after the crop to 42 pixels, the small ones have a black border. */
  @BeforeEach
  void images() throws IOException {
    data = folder.resolve("data");
    cache = folder.resolve("cache");
    for (int i = 0; i < 5; i++) {
      Cli.image(data.resolve("large/" + i + ".png"), 42, 42, i);
      Cli.image(data.resolve("small/" + i + ".png"), 14, 14, i);
    }
  }

  private Result run(Object... options) {
    Object[] fixed = {
      "probe", "-m", Cli.TINY, "--resize", 0, "--crop", 42, "--cache", cache, "--validation", 0.4
    };
    return Cli.run(Stream.concat(Stream.of(fixed), Stream.of(options)).toArray());
  }

  @Test
  void everythingIsInTheJson() {
    Result result = run(data, "--json", "--neighbours", 3, "--method", "fixed", "--cutoff", 1e6);
    assertThat(result.exit()).as(result.err()).isZero();
    JsonNode report = JsonMapper.shared().readTree(result.out());
    assertThat(report.get("train").asInt()).isEqualTo(6);
    assertThat(report.get("validation").asInt()).isEqualTo(4);
    assertThat(report.get("classes").get(1).asString()).isEqualTo("small");
    assertThat(report.get("cutoff").asDouble()).isEqualTo(1e6);
    JsonNode cls = report.get("classification").get(0);
    assertThat(cls.get("token").asString()).isEqualTo("cls");
    assertThat(cls.get("linear").asDouble()).isEqualTo(1);
    assertThat(cls.get("knn").asDouble()).isEqualTo(1);
    assertThat(report.get("classification").size()).isEqualTo(8);
    JsonNode normal = report.get("patches").get(0);
    assertThat(normal.get("patch").asString()).isEqualTo("normal");
    assertThat(normal.get("count").asInt() + report.get("patches").get(1).get("count").asInt())
        .isEqualTo(4 * 9);
    assertThat(normal.get("position").asDouble()).isBetween(0.0, 1.0);
    assertThat(normal.get("pixels").asDouble()).isPositive();
  }

  @Test
  void onlyWhatIsAskedForIsMeasured() {
    Result result = run(data, "--tasks", "knn", "--tokens", "cls,mean");
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out().lines())
        .containsExactly(
            "6 images to learn from, 4 to test on, 2 classes",
            "",
            "token           train     test     linear       k-NN",
            "cls                 6        4          -    100.0 %",
            "mean                6        4          -    100.0 %");
  }

  @Test
  void theSecondRunReadsWhatTheFirstHasWritten() throws IOException {
    Result first = run(data);
    List<Path> files = files();
    assertThat(files).hasSize(20).allMatch(file -> file.toString().endsWith(".safetensors"));
    for (Path file : files) {
      assertThat(file.toFile().setReadOnly()).isTrue();
      assertThat(file.toFile().setLastModified(1_000_000_000)).isTrue();
    }
    assertThat(run(data)).isEqualTo(first);
    assertThat(files()).isEqualTo(files);
    assertThat(files).allMatch(file -> file.toFile().lastModified() == 1_000_000_000);
  }

  @Test
  void setsThatCannotBeUsedAreRefusedInOneLine() throws IOException {
    refused(run(folder.resolve("none")), "expected a folder of images");
    refused(run(Files.createDirectory(folder.resolve("empty"))), "no images");
    refused(run(data.resolve("large")), "two classes at least, found none");
    refused(run(data, "--neighbours", 0), "neighbours 0");
    refused(Cli.run("probe", "-m", Cli.TINY, data, "--validation", 2), "between 0 and 1");
    assertThat(files()).isEmpty();
    Files.writeString(data.resolve("large/text.png"), "text");
    refused(run(data, "--tasks", "knn", "--tokens", "cls"), "text.png");
    assertThat(files()).allMatch(file -> file.toString().endsWith(".safetensors"));
    assertThat(run(data, "--tokens", "tail").exit()).isEqualTo(2);
    assertThat(run(data, "--cutoff", 3).exit()).isEqualTo(2);
    assertThat(run().exit()).isEqualTo(2);
  }

  private static void refused(Result result, String message) {
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains(message);
  }

  private List<Path> files() throws IOException {
    if (!Files.exists(cache)) {
      return List.of();
    }
    try (Stream<Path> found = Files.walk(cache)) {
      return found.filter(Files::isRegularFile).sorted().toList();
    }
  }
}
