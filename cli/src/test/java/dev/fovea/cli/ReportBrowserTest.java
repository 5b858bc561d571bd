package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.PatchGrid;
import dev.fovea.Preprocessing;
import dev.fovea.analysis.AttentionMaps;
import dev.fovea.analysis.Box;
import dev.fovea.analysis.ComponentColors;
import dev.fovea.analysis.KMeans;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.plots.Palette;
import dev.fovea.plots.PatchPixels;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Looks at what a browser draws of a report; runs where Chromium is installed. */
class ReportBrowserTest {

  private static final PatchGrid GRID = new PatchGrid(16, 16);
  private static final int HEIGHT = 8000;
  private static final String PLAIN = "synthetic:tiny";
  private static final double FOREGROUND = 0.2;
  private static final String KINDS =
      "['seen', 'norms', 'attention', 'components', 'segments', 'object']";
  private static final String FACTS =
      "({figures: Object.fromEntries("
          + KINDS
          + ".map(kind => [kind, [...document.querySelectorAll('figure.' + kind + ' .stage')]"
          + ".map(stage => stage.getBoundingClientRect())])), "
          + "charts: [...document.querySelectorAll('img.chart')]"
          + ".map(chart => chart.getBoundingClientRect()), "
          + "tables: Object.fromEntries([...document.querySelectorAll('section[id]')]"
          + ".filter(section => section.querySelector('table')).map(section => [section.id, "
          + "{text: section.innerText, "
          + "bounds: section.querySelector('table').getBoundingClientRect()}])), "
          + "missing: [...document.images].filter(image => !image.naturalWidth).length, "
          + "images: document.images.length, "
          + "wide: document.documentElement.scrollWidth, "
          + "high: document.documentElement.scrollHeight})";

  /** In pixels, in the red half; through no middle of a patch, and on no edge, as LOST's box. */
  private static final Box TRUTH = new Box(17.5, 31.5, 87.5, 143.5);

  /** Of the report itself; the browser's files change from test to test. */
  @TempDir static Path shared;

  @TempDir Path folder;
  private static Path page;
  private static Expected plain;
  private static Expected registers;

  /** What the library finds in the image. */
  private record Expected(
      Outliers outliers, AttentionMaps attention, PatchFeatures tokens, PatchFeatures keys) {

    static Expected of(String name, Path file) {
      Image image = Image.read(file);
      Preprocessing whole = Preprocessing.DINOV2.withSize(224, 224, 224);
      try (Fovea model = Fovea.open(name, Options.DEFAULT.withPreprocessing(whole))) {
        return new Expected(
            Outliers.find(
                List.of(TokenStatistics.of(model, image)), new OutlierRule.Percentile(98)),
            AttentionMaps.of(model, image, model.config().depth() - 1),
            PatchFeatures.of(model, image, PatchFeatures.Source.TOKENS),
            PatchFeatures.of(model, image, PatchFeatures.Source.KEYS));
      }
    }

    float[] norms() {
      return outliers.images().getFirst().statistics().patches(outliers.block());
    }
  }

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
    Path annotations = shared.resolve("voc");
    Cli.voc(annotations.resolve("halves.xml"), TRUTH);
    Cli.Result result =
        Cli.run(
            "report",
            "-m",
            PLAIN,
            "--compare",
            Cli.TINY,
            "--method",
            "percentile",
            "--resize",
            224,
            "--foreground",
            FOREGROUND,
            "--annotations",
            annotations,
            "--out",
            shared.resolve("report"),
            file);
    assertThat(result.exit()).as(result.err()).isZero();
    page = shared.resolve("report").resolve("index.html");
    plain = Expected.of(PLAIN, file);
    registers = Expected.of(Cli.TINY, file);
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
    assertThat(new Color(drawn.getRGB(3, 3))).isEqualTo(new Color(dark ? 0x12151a : 0xf4f5f7));

    DrawnFigure seen = figure(drawn, facts, "seen", 0);
    assertThat(seen.at(4, 8)).isEqualTo(Color.RED);
    assertThat(seen.at(12, 8)).isEqualTo(Color.BLUE);
    checkNorms(figure(drawn, facts, "norms", 0));
    // CLS of the first model, CLS and the register at test time, then CLS and four registers.
    checkAttention(figure(drawn, facts, "attention", 0), plain.attention(), AttentionMaps.CLS);
    checkAttention(figure(drawn, facts, "attention", 7), registers.attention(), 4);
    checkComponents(figure(drawn, facts, "components", 0), plain.tokens());
    checkComponents(figure(drawn, facts, "components", 2), registers.tokens());
    checkSegments(figure(drawn, facts, "segments", 2), registers.tokens());
    checkObject(figure(drawn, facts, "object", 0), plain.keys());
    checkObject(figure(drawn, facts, "object", 2), registers.keys());
    checkTables(drawn, facts.get("tables"), dark);
    for (JsonNode chart : facts.get("charts")) {
      checkChart(new DrawnFigure(drawn, chart, GRID), dark);
    }
  }

  /** One of the figures of a kind, which are in the order of the models. */
  private static DrawnFigure figure(BufferedImage drawn, JsonNode facts, String kind, int index) {
    return new DrawnFigure(drawn, facts.get("figures").get(kind).get(index), GRID);
  }

  /** Every patch has its norm's colour over the photograph's gray; outliers are framed in red. */
  private static void checkNorms(DrawnFigure figure) throws IOException {
    float most = Math.max(most(plain.norms()), most(registers.norms()));
    checkHeat(figure, plain.norms(), most);
    Outliers outliers = plain.outliers();
    assertThat(outliers.count()).isPositive();
    for (int patch : outliers.images().getFirst().patches()) {
      int x = GRID.column(patch);
      int y = GRID.row(patch);
      assertThat(figure.framed(new Box(x, y, x + 1, y + 1), ReportBrowserTest::isFrame))
          .as("frame of patch " + patch)
          .isGreaterThan(0.2); // the corners of figures are round
    }
  }

  private static void checkAttention(DrawnFigure figure, AttentionMaps maps, int query)
      throws IOException {
    float[] map = maps.mean(maps.blocks().getLast(), query);
    checkHeat(figure, map, most(map));
  }

  private static void checkHeat(DrawnFigure figure, float[] values, float most) throws IOException {
    BufferedImage heat =
        ImageIO.read(new ByteArrayInputStream(PatchPixels.heat(GRID, values, 0, most)));
    for (int patch = 0; patch < values.length; patch++) {
      Color color = new Color(heat.getRGB(GRID.column(patch), GRID.row(patch)));
      checkColor(figure, patch, mixed(color, gray(patch)));
    }
  }

  /** Patches of the background are as gray as the photograph, the others have their colour. */
  private static void checkComponents(DrawnFigure figure, PatchFeatures tokens) {
    int[] colors = ComponentColors.foreground(List.of(tokens), FOREGROUND).rgb(0, 3);
    assertThat(Arrays.stream(colors).distinct().count()).isGreaterThan(10);
    assertThat(colors).contains(-1);
    for (int patch = 0; patch < colors.length; patch++) {
      checkColor(figure, patch, colors[patch] < 0 ? gray(patch) : new Color(colors[patch]));
    }
  }

  private static void checkSegments(DrawnFigure figure, PatchFeatures tokens) {
    int[] colors = Palette.of(KMeans.segments(List.of(tokens), 6, 1).getFirst());
    assertThat(Arrays.stream(colors).distinct()).hasSize(6);
    for (int patch = 0; patch < colors.length; patch++) {
      checkColor(figure, patch, mixed(new Color(colors[patch]), photograph(patch)));
    }
  }

  /** The object's patches are blue, its box is red, the annotated one green, the seed white. */
  private static void checkObject(DrawnFigure figure, PatchFeatures keys) {
    Lost lost = Lost.find(keys, Lost.Settings.ORIGINAL);
    for (int patch = 0; patch < GRID.patches(); patch++) {
      boolean object = lost.object().contains(patch);
      Color expected = mixed(new Color(0x3b6fb6), photograph(patch));
      checkColor(figure, patch, object ? expected : photograph(patch));
    }
    Box box = lost.box().orElseThrow();
    assertThat(figure.framed(box, ReportBrowserTest::isFrame)).as("box").isGreaterThan(0.9);
    Box truth = TRUTH.scaled(1 / 14.0, 1 / 14.0);
    assertThat(figure.framed(truth, color -> isNear(color, new Color(0x30c050), 40)))
        .as("annotated box")
        .isGreaterThan(0.9);
    int x = GRID.column(lost.seed());
    int y = GRID.row(lost.seed());
    assertThat(
            figure.framed(
                new Box(x, y, x + 1, y + 1), color -> color.equals(Color.WHITE) || isFrame(color)))
        .as("seed")
        .isGreaterThan(0.7);
  }

  /** Texts are there, and what is drawn there is not paper alone. */
  private static void checkTables(BufferedImage drawn, JsonNode tables, boolean dark) {
    Color paper = paper(dark);
    for (String id : List.of("summary", "neurons", "ablations")) {
      DrawnFigure table = new DrawnFigure(drawn, tables.get(id).get("bounds"), GRID);
      long pixels = table.count(color -> true);
      assertThat(table.count(color -> color.equals(paper))).as(id).isGreaterThan(pixels / 2);
      assertThat(table.count(color -> !isNear(color, paper, 100)))
          .as(id)
          .isGreaterThan(pixels / 100);
    }
    assertThat(tables.get("summary").get("text").asString())
        .contains(PLAIN, Cli.TINY, "6 of 256 patches", "CorLoc", "norms of the registers");
    assertThat(tables.get("neurons").get("text").asString()).contains("of 6 outliers", "neuron");
    assertThat(tables.get("ablations").get("text").asString())
        .contains(Cli.TINY, "drop", "first 3", "zero", "mean", "patches", "0.9");
  }

  /** Lines of both models on the theme's paper. */
  private static void checkChart(DrawnFigure chart, boolean dark) {
    Color paper = paper(dark);
    assertThat(chart.count(color -> color.equals(paper))).isGreaterThan(20_000);
    assertThat(chart.count(color -> color.getBlue() > color.getRed() + 60)).isGreaterThan(20);
    assertThat(chart.count(color -> color.getRed() > color.getBlue() + 60)).isGreaterThan(20);
  }

  private static Color paper(boolean dark) {
    return new Color(dark ? 0x1c2027 : 0xffffff);
  }

  private static void checkColor(DrawnFigure figure, int patch, Color expected) {
    Color color = figure.at(patch);
    assertThat(isNear(color, expected, 4))
        .as("patch %d: expected %s, got %s", patch, expected, color)
        .isTrue();
  }

  private static boolean isNear(Color color, Color other, int tolerance) {
    return Math.abs(color.getRed() - other.getRed()) <= tolerance
        && Math.abs(color.getGreen() - other.getGreen()) <= tolerance
        && Math.abs(color.getBlue() - other.getBlue()) <= tolerance;
  }

  /** The red of frames, also where it shares a pixel; it has some green and blue. */
  private static boolean isFrame(Color color) {
    return color.getRed() > 180
        && Math.abs(color.getGreen() - 70) < 40
        && Math.abs(color.getBlue() - 70) < 40;
  }

  private static Color photograph(int patch) {
    return GRID.column(patch) < 8 ? Color.RED : Color.BLUE;
  }

  private static Color gray(int patch) {
    int brightness = (int) Math.round(255 * (GRID.column(patch) < 8 ? 0.2126 : 0.0722));
    return new Color(brightness, brightness, brightness);
  }

  /** A colour laid over another as figures do it. */
  private static Color mixed(Color over, Color below) {
    return new Color(
        (int) (0.68 * over.getRed() + 0.32 * below.getRed()),
        (int) (0.68 * over.getGreen() + 0.32 * below.getGreen()),
        (int) (0.68 * over.getBlue() + 0.32 * below.getBlue()));
  }

  private static float most(float[] values) {
    return (float) IntStream.range(0, values.length).mapToDouble(i -> values[i]).max().orElse(0);
  }
}
