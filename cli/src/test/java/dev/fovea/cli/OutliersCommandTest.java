package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class OutliersCommandTest {

  @TempDir Path folder;

  private Path first;
  private Path second;

  @BeforeEach
  void images() throws IOException {
    first = Cli.image(folder.resolve("images").resolve("a.png"), 256, 256, 1);
    second = Cli.image(folder.resolve("images").resolve("b.png"), 300, 260, 2);
  }

  @Test
  void jsonSaysWhatTheLibraryFinds() {
    Result result =
        Cli.run("outliers", "-m", TINY, "--method", "percentile", "--json", first, second);
    assertThat(result.exit()).as(result.err()).isZero();
    JsonNode model = JsonMapper.shared().readTree(result.out()).get("models").get(0);
    Outliers expected = expected(new OutlierRule.Percentile(98));
    assertThat(model.get("model").asString()).isEqualTo(TINY);
    assertThat(model.get("method").asString()).isEqualTo("percentile 98.0");
    assertThat(model.get("block").asInt()).isEqualTo(1);
    assertThat(model.get("cutoff").asDouble()).isEqualTo(expected.cutoff().orElseThrow());
    assertThat(model.get("outliers").asInt()).isEqualTo(expected.count()).isPositive();
    for (int i = 0; i < 2; i++) {
      JsonNode image = model.get("images").get(i);
      Outliers.OfImage found = expected.images().get(i);
      assertThat(image.get("file").asString()).isEqualTo((i == 0 ? first : second).toString());
      assertThat(image.get("grid").valueStream().map(JsonNode::asInt)).containsExactly(16, 16);
      assertThat(image.get("outlier_patches").valueStream().map(JsonNode::asInt))
          .containsExactlyElementsOf(found.patches());
      assertThat(image.get("norms").get(7).floatValue())
          .isEqualTo(found.statistics().patches(1)[7]);
      assertThat(image.get("norms").size()).isEqualTo(256);
      assertThat(image.get("register_norms").size()).isEqualTo(4);
      assertThat(image.get("blocks").size()).isEqualTo(2);
    }
  }

  private Outliers expected(OutlierRule rule) {
    try (Fovea model = Fovea.open(TINY)) {
      return Outliers.find(
          List.of(
              TokenStatistics.of(model, Image.read(first)),
              TokenStatistics.of(model, Image.read(second))),
          rule);
    }
  }

  @Test
  void theTableHasALineForEachImageAndEachBlock() {
    Result result =
        Cli.run("outliers", "-m", TINY, "--compare", "synthetic:tiny", folder.resolve("images"));
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out().lines().filter(line -> line.startsWith("synthetic:tiny")))
        .hasSize(2)
        .allMatch(line -> line.contains("of 512 patches"));
    assertThat(result.out().lines().filter(line -> line.startsWith(first.toString()))).hasSize(2);
    assertThat(result.out().lines().filter(line -> line.matches("[01] +0 +none.*"))).hasSize(4);
  }

  @Test
  void blockAndCutoffAreThoseAskedFor() {
    Result result =
        Cli.run("outliers", "-m", TINY, "--method", "fixed", "--cutoff", "0", "--block", 0, first);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out()).contains("256 of 256", "cutoff 0.0 (fixed) after block 0");
  }

  @Test
  void whatCannotBeDoneIsRefusedInOneLine() throws IOException {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    refused(1, "no images in", "outliers", "-m", TINY, empty);
    refused(1, "blocks 0 to 1", "outliers", "-m", TINY, "--block", 2, first);
    refused(1, "101", "outliers", "-m", TINY, "--method", "percentile", "--cutoff", 101, first);
    refused(1, "one patch", "outliers", "-m", TINY, "--crop", 14, first);
    refused(2, "valley has no --cutoff", "outliers", "-m", TINY, "--cutoff", 3, first);
    refused(2, "--pixels", "outliers", "-m", TINY);
  }

  private static void refused(int exit, String why, Object... arguments) {
    Result result = Cli.run(arguments);
    assertThat(result.exit()).isEqualTo(exit);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains(why);
  }
}
