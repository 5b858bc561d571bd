package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.cli.Cli.Result;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
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
      for (int block = 0; block < 2; block++) {
        JsonNode after = image.get("blocks").get(block);
        assertThat(floats(after.get("norms"))).isEqualTo(found.statistics().patches(block));
        assertThat(floats(after.get("register_norms")))
            .isEqualTo(found.statistics().registers(block));
        assertThat(after.get("cls_norm").floatValue()).isEqualTo(found.statistics().cls(block));
      }
    }
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).floatValue();
    }
    return values;
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
  void theTableHasTheMeanNormsOfClsAndRegistersAfterEachBlock() {
    Result result = Cli.run("outliers", "-m", TINY, first, second);
    assertThat(result.exit()).as(result.err()).isZero();
    Outliers expected = expected(new OutlierRule.Valley());
    for (int block = 0; block < 2; block++) {
      StringBuilder columns = new StringBuilder();
      for (int token = 0; token < 5; token++) {
        double sum = 0;
        for (Outliers.OfImage image : expected.images()) {
          sum += image.statistics().norms()[block][token];
        }
        columns.append(String.format(Locale.ROOT, token == 1 ? "  %.1f" : " %.1f", sum / 2));
      }
      String start = block + " ";
      assertThat(result.out().lines().filter(line -> line.startsWith(start)))
          .singleElement()
          .asString()
          .endsWith(columns.toString());
    }
  }

  /** 112 x 112 pixels, enlarged by 4; the heat of norms is laid over a gray image. */
  @Test
  void plantedOutliersAreTheBrightestPatchesOfTheMap() throws IOException {
    Path model = TestModels.writePlantedOutliers(folder.resolve("planted.safetensors"));
    Path out = folder.resolve("pictures");
    Object[] arguments = {
      "outliers", "-m", model, "--pixels", TestModels.PLANTED_PIXELS, "--json", "--out", out
    };
    Result result = Cli.run(arguments);
    assertThat(result.exit()).as(result.err()).isZero();
    JsonNode image =
        JsonMapper.shared().readTree(result.out()).get("models").get(0).get("images").get(0);
    assertThat(image.get("outlier_patches").valueStream().map(JsonNode::asInt))
        .containsExactlyElementsOf(TestModels.PLANTED_PATCHES);
    assertThat(out.toFile().list()).containsExactlyInAnyOrder("golden-norms.png", "histogram.png");
    BufferedImage map = ImageIO.read(out.resolve("golden-norms.png").toFile());
    List<Integer> byBrightness =
        IntStream.range(0, 64)
            .boxed()
            .sorted(Comparator.comparingInt(patch -> -green(map, patch)))
            .toList();
    assertThat(byBrightness.subList(0, 2))
        .containsExactlyInAnyOrderElementsOf(TestModels.PLANTED_PATCHES);
    assertThat(new Color(map.getRGB(56 * (19 % 8), 56 * (19 / 8) + 28))).isEqualTo(Color.RED);
    BufferedImage histogram = ImageIO.read(out.resolve("histogram.png").toFile());
    int paper = histogram.getRGB(0, 0);
    assertThat(
            IntStream.range(0, histogram.getWidth() * histogram.getHeight())
                .map(i -> histogram.getRGB(i % histogram.getWidth(), i / histogram.getWidth()))
                .filter(color -> color != paper)
                .count())
        .isGreaterThan(1000);
  }

  private static int green(BufferedImage map, int patch) {
    return new Color(map.getRGB(56 * (patch % 8) + 28, 56 * (patch / 8) + 28)).getGreen();
  }

  @Test
  void theMapsOfASecondModelHaveNamesOfTheirOwn() {
    Path out = folder.resolve("deep").resolve("pictures");
    Result result =
        Cli.run("outliers", "-m", TINY, "--compare", "synthetic:tiny", first, "--out", out);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(out.toFile().list())
        .containsExactlyInAnyOrder("a-norms.png", "a-norms-compared.png", "histogram.png");
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

  @Test
  void whatFailsLateLeavesNoPictures() throws IOException {
    Path out = folder.resolve("deep").resolve("pictures");
    Path broken = Files.writeString(folder.resolve("broken.png"), "text");
    refused(1, "broken.png", "outliers", "-m", TINY, first, broken, "--out", out);
    assertThat(out.getParent()).doesNotExist();
  }

  private static void refused(int exit, String why, Object... arguments) {
    Result result = Cli.run(arguments);
    assertThat(result.exit()).isEqualTo(exit);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains(why);
  }
}
