package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.plots.PatchPixels;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Looks at what a browser draws of a report; runs where Chromium is installed. */
class ReportBrowserTest {

  private static final PatchGrid GRID = new PatchGrid(16, 16);
  private static final int HEIGHT = 7000;
  private static final String MODEL = "synthetic:tiny";
  private static final String FIGURES =
      "Object.fromEntries(['seen', 'norms', 'object'].map(kind => [kind, "
          + "[...document.querySelectorAll('figure.' + kind + ' .stage')]"
          + ".map(stage => stage.getBoundingClientRect())]))";
  private static final String FACTS =
      "({figures: "
          + FIGURES
          + ", charts: [...document.querySelectorAll('img.chart')]"
          + ".map(chart => chart.getBoundingClientRect()), "
          + "missing: [...document.images].filter(image => !image.naturalWidth).length, "
          + "images: document.images.length, "
          + "wide: document.documentElement.scrollWidth, "
          + "high: document.documentElement.scrollHeight})";

  /** Of the report itself; the browser's files change from test to test. */
  @TempDir static Path shared;

  @TempDir Path folder;
  private static Path page;
  private static Outliers outliers;

  /** Of both models: it has the brightest colour. */
  private static float largestNorm;

  /** The left half red, the right half blue: norms differ by position, and half by half. */
  @BeforeAll
  static void report() throws IOException {
    BufferedImage image = new BufferedImage(224, 224, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(Color.RED);
    graphics.fillRect(0, 0, 112, 224);
    graphics.setColor(Color.BLUE);
    graphics.fillRect(112, 0, 112, 224);
    Path file = shared.resolve("halves.png");
    ImageIO.write(image, "png", file.toFile());
    Cli.Result result =
        Cli.run(
            "report",
            "-m",
            MODEL,
            "--compare",
            Cli.TINY,
            "--method",
            "percentile",
            "--resize",
            224,
            "--out",
            shared.resolve("report"),
            file);
    assertThat(result.exit()).as(result.err()).isZero();
    page = shared.resolve("report").resolve("index.html");
    outliers = outliers(MODEL, file);
    for (float norm : outliers.norms()) {
      largestNorm = Math.max(largestNorm, norm);
    }
    for (float norm : outliers(Cli.TINY, file).norms()) {
      largestNorm = Math.max(largestNorm, norm);
    }
  }

  private static Outliers outliers(String name, Path file) throws IOException {
    try (Fovea model = Fovea.open(name)) {
      OutlierRule rule = new OutlierRule.Percentile(98);
      return Outliers.find(List.of(TokenStatistics.of(model, Image.read(file))), rule);
    }
  }

  @ParameterizedTest
  @CsvSource({"1280, false", "1280, true", "500, false", "500, true"})
  void theBrowserDrawsEverything(int width, boolean dark) throws Exception {
    Optional<Path> executable = Chromium.find();
    assumeTrue(executable.isPresent(), "Chromium is not installed");
    Chromium browser = new Chromium(executable.orElseThrow(), folder, width, HEIGHT, dark);
    String text = Files.readString(page).replaceFirst("<meta http-equiv=[^>]*>", "");
    JsonNode facts = browser.evaluate(text, FACTS);
    BufferedImage drawn = browser.screenshot(page);

    assertThat(facts.get("images").asInt()).isGreaterThan(30);
    assertThat(facts.get("missing").asInt()).isZero();
    assertThat(facts.get("wide").asInt()).as("no scrolling sideways").isLessThanOrEqualTo(width);
    assertThat(facts.get("high").asInt()).isLessThanOrEqualTo(HEIGHT);
    assertThat(color(drawn, 3, 3)).isEqualTo(new Color(dark ? 0x12151a : 0xf4f5f7));

    JsonNode seen = facts.get("figures").get("seen").get(0);
    assertThat(at(drawn, seen, 4, 8)).isEqualTo(Color.RED);
    assertThat(at(drawn, seen, 12, 8)).isEqualTo(Color.BLUE);
    checkNorms(drawn, facts.get("figures").get("norms").get(0));
    checkChart(drawn, facts.get("charts").get(0), width, dark);
    checkChart(drawn, facts.get("charts").get(1), width, dark);
  }

  /** Every patch has its norm's colour over the photograph's gray; outliers are framed in red. */
  private static void checkNorms(BufferedImage drawn, JsonNode stage) throws IOException {
    float[] norms = outliers.images().getFirst().statistics().patches(outliers.block());
    BufferedImage heat =
        ImageIO.read(new ByteArrayInputStream(PatchPixels.heat(GRID, norms, 0, largestNorm)));
    for (int patch = 0; patch < norms.length; patch++) {
      int column = GRID.column(patch);
      Color color = new Color(heat.getRGB(column, GRID.row(patch)));
      Color seen = at(drawn, stage, column + 0.5, GRID.row(patch) + 0.5);
      double gray = 0.32 * (column < 8 ? 0.2126 * 255 : 0.0722 * 255);
      assertThat(seen.getRed()).isCloseTo((int) (0.68 * color.getRed() + gray), within(4));
      assertThat(seen.getGreen()).isCloseTo((int) (0.68 * color.getGreen() + gray), within(4));
      assertThat(seen.getBlue()).isCloseTo((int) (0.68 * color.getBlue() + gray), within(4));
    }
    assertThat(outliers.count()).isPositive();
    for (int patch : outliers.images().getFirst().patches()) {
      assertThat(reds(drawn, stage, GRID.column(patch) + 0.5, GRID.row(patch) + 0.5))
          .as("frame of patch " + patch)
          .isPositive();
    }
  }

  /** Red points on the way from a patch's centre to the one above. */
  private static int reds(BufferedImage drawn, JsonNode stage, double x, double y) {
    int reds = 0;
    for (int i = 0; i <= 32; i++) {
      Color color = at(drawn, stage, x, Math.max(0, y - i / 32.0));
      reds += color.getRed() > 200 && color.getGreen() < 120 && color.getBlue() < 120 ? 1 : 0;
    }
    return reds;
  }

  /** Lines of both models on the theme's paper. */
  private static void checkChart(BufferedImage drawn, JsonNode chart, int width, boolean dark) {
    Color paper = new Color(dark ? 0x1c2027 : 0xffffff);
    assertThat(count(drawn, chart, width, color -> color.equals(paper))).isGreaterThan(20_000);
    assertThat(count(drawn, chart, width, color -> color.getBlue() > color.getRed() + 60))
        .isGreaterThan(50);
    assertThat(count(drawn, chart, width, color -> color.getRed() > color.getBlue() + 60))
        .isGreaterThan(50);
  }

  private static long count(BufferedImage drawn, JsonNode box, int width, Predicate<Color> wanted) {
    long count = 0;
    int right = Math.min(width, box.get("right").asInt());
    for (int y = box.get("top").asInt(); y < box.get("bottom").asInt(); y++) {
      for (int x = box.get("left").asInt(); x < right; x++) {
        count += wanted.test(color(drawn, x, y)) ? 1 : 0;
      }
    }
    return count;
  }

  /** The colour at a place in a figure, in patches. */
  private static Color at(BufferedImage drawn, JsonNode box, double x, double y) {
    return color(
        drawn,
        (int) (box.get("left").asDouble() + x / GRID.columns() * box.get("width").asDouble()),
        (int) (box.get("top").asDouble() + y / GRID.rows() * box.get("height").asDouble()));
  }

  private static Color color(BufferedImage drawn, int x, int y) {
    return new Color(drawn.getRGB(x, y));
  }
}
