package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.AttentionMaps;
import dev.fovea.analysis.Box;
import dev.fovea.analysis.ComponentColors;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.analysis.RegisterAblations;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A percentile makes outliers of some patches of any model. */
class ReportCommandTest {

  private static final String PLAIN = "synthetic:tiny";

  @TempDir Path folder;
  private Path first;
  private Path second;
  private Path out;

  @BeforeEach
  void images() throws IOException {
    first = Cli.image(folder.resolve("images").resolve("a.png"), 256, 256, 1);
    second = Cli.image(folder.resolve("images").resolve("<b> & c.png"), 300, 260, 2);
    out = folder.resolve("new").resolve("report");
  }

  private String page(Object... more) throws IOException {
    List<Object> arguments = new ArrayList<>(List.of("report", "--out", out));
    arguments.addAll(List.of(more));
    Result result = Cli.run(arguments.toArray());
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out().strip()).isEqualTo(out.resolve("index.html").toString());
    try (var files = Files.list(out)) {
      assertThat(files).containsExactly(out.resolve("index.html"));
    }
    return Files.readString(out.resolve("index.html"));
  }

  /** What stands between two texts, the first time. */
  private static String between(String page, String begin, String end) {
    int from = page.indexOf(begin);
    assertThat(from).as(begin).isNotNegative();
    return page.substring(from, page.indexOf(end, from + begin.length()));
  }

  private static List<String> all(String page, String pattern) {
    Matcher matcher = Pattern.compile(pattern).matcher(page);
    List<String> found = new ArrayList<>();
    while (matcher.find()) {
      found.add(matcher.group(matcher.groupCount()));
    }
    return found;
  }

  @Test
  void framesAreWhereTheLibraryFindsOutliersAndObjects() throws IOException {
    String page = page("-m", TINY, "--method", "percentile", first, second);
    try (Fovea model = Fovea.open(TINY)) {
      List<TokenStatistics> statistics =
          List.of(
              TokenStatistics.of(model, Image.read(first)),
              TokenStatistics.of(model, Image.read(second)));
      Outliers outliers = Outliers.find(statistics, new OutlierRule.Percentile(98));
      List<String> expected =
          outliers.images().stream()
              .flatMap(image -> image.patches().stream())
              .map(patch -> "x=\"%d.0\" y=\"%d.0\"".formatted(patch % 16, patch / 16))
              .toList();
      assertThat(expected).isNotEmpty();
      assertThat(all(page, "rect class=\"outlier\" (x=\"[^\"]*\" y=\"[^\"]*\")"))
          .containsExactlyElementsOf(expected);
      PatchFeatures keys = PatchFeatures.of(model, Image.read(first), PatchFeatures.Source.KEYS);
      Lost.find(keys, Lost.Settings.ORIGINAL)
          .box()
          .ifPresentOrElse(
              box ->
                  assertThat(page)
                      .contains(
                          String.format(
                              Locale.ROOT,
                              "<rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\"",
                              box.left(),
                              box.top(),
                              box.right() - box.left())),
              () -> assertThat(page).contains("no object"));
      assertThat(page).contains(outliers.count() + " of 512 patches");
    }
    assertThat(all(page, "(attention of register 4)</b>")).hasSize(2);
    assertThat(page).doesNotContain("A test-time register");
  }

  @Test
  void twoModelsAndATestTimeRegisterStandSideBySide() throws IOException {
    String page =
        page("-m", PLAIN, "--compare", TINY, "--method", "percentile", "--cutoff", 99, first);
    String summary = between(page, "<section id=\"summary\">", "</section>");
    assertThat(all(summary, "<th>(synthetic[^<]*)</th>"))
        .containsExactly(PLAIN, PLAIN + " + test-time register", TINY);
    assertThat(all(summary, "<th>registers</th><td>(.*)</td>"))
        .containsExactly("none</td><td>1</td><td>4");
    assertThat(between(page, "<section id=\"neurons\">", "</section>"))
        .contains("of 3 outliers", "<b>" + PLAIN + "</b>");
    String images = between(page, "<section id=\"images\">", "</section>");
    assertThat(all(images, "(attention of register 1)</b>")).hasSize(2);
    assertThat(all(images, "(attention of CLS)</b>")).hasSize(3);
    assertThat(all(page, "class=\"chart\"()")).hasSize(2);
  }

  @Test
  void theSecondModelGetsAllThatTheFirstDoes() throws IOException {
    Path head = head();
    Path names = names();
    String page =
        page(
            "-m",
            TINY,
            "--compare",
            PLAIN,
            "--head",
            head,
            "--compare-head",
            head,
            "--labels",
            names,
            "--method",
            "percentile",
            "--cutoff",
            99,
            first);
    String summary = between(page, "<section id=\"summary\">", "</section>");
    assertThat(all(summary, "<th>(synthetic[^<]*)</th>"))
        .containsExactly(TINY, PLAIN, PLAIN + " + test-time register");
    assertThat(between(page, "<section id=\"neurons\">", "</section>"))
        .contains("of 3 outliers", "<b>" + PLAIN + "</b>");
    assertThat(all(page, "60.0 %</td><td>(dog)<")).hasSize(2);
  }

  @Test
  void registersAreAblatedAsTheLibraryDoes() throws IOException {
    String page = page("-m", PLAIN, "--compare", TINY, first, second);
    String ablations = between(page, "<section id=\"ablations\">", "</section>");
    try (Fovea model = Fovea.open(TINY)) {
      List<Image> images = List.of(Image.read(first), Image.read(second));
      for (RegisterAblations.Outcome outcome : RegisterAblations.of(model, images, 1)) {
        assertThat(ablations)
            .contains(
                String.format(
                    Locale.ROOT,
                    "<td>%s</td><td class=\"number\">%.6f</td><td class=\"number\">%.6f</td>",
                    outcome.name(),
                    outcome.cls(),
                    outcome.patches()));
      }
    }
    assertThat(ablations).contains("the mean over 2 images");
    assertThat(all(ablations, "<h4>([^<]*)</h4>")).containsExactly(TINY);
    assertThat(page("-m", PLAIN, first)).doesNotContain("id=\"ablations\"");
  }

  @Test
  void optionsOfTheCommandsReachTheLibrary() throws IOException {
    String page =
        page(
            "-m",
            TINY,
            "--blocks",
            "all",
            "--mass",
            0.6,
            "--foreground",
            0.5,
            "--deviations",
            2,
            "--features",
            "values",
            "--candidates",
            1,
            first,
            second);
    try (Fovea model = Fovea.open(TINY)) {
      AttentionMaps maps = AttentionMaps.of(model, Image.read(second), 0, 1);
      for (float[] map : List.of(maps.mean(1, 3), maps.head(0, 1, AttentionMaps.CLS))) {
        float[] kept = AttentionMaps.topMass(map, 0.6);
        double most = IntStream.range(0, kept.length).mapToDouble(i -> kept[i]).max().orElse(0);
        assertThat(page).contains(DataUri.heat(maps.grid(), kept, 0, most));
      }
      assertThat(all(page, "<span>(block [01], [^<]*)</span>")).hasSize(2 * 2 * 5);
      List<PatchFeatures> tokens =
          List.of(
              PatchFeatures.of(model, Image.read(first), PatchFeatures.Source.TOKENS),
              PatchFeatures.of(model, Image.read(second), PatchFeatures.Source.TOKENS));
      int[] colors = ComponentColors.foreground(tokens, 0.5).rgb(1, 2);
      assertThat(page).contains(DataUri.colors(maps.grid(), colors));
      PatchFeatures values =
          PatchFeatures.of(model, Image.read(first), PatchFeatures.Source.VALUES);
      Lost lost = Lost.find(values, new Lost.Settings(false, 0, 1));
      int[] object = new int[256];
      Arrays.fill(object, -1);
      lost.object().forEach(patch -> object[patch] = 0x3b6fb6);
      assertThat(page).contains(DataUri.colors(maps.grid(), object));
    }
    assertThat(page).contains("s values: its box is red", "adds up to 60.0 % of it");
  }

  /** Of 256 pixels the model sees those from 16 on. */
  @Test
  void annotatedBoxesAreCutToTheCropAndCounted() throws IOException {
    Box box;
    try (Fovea model = Fovea.open(TINY)) {
      PatchFeatures keys = PatchFeatures.of(model, Image.read(first), PatchFeatures.Source.KEYS);
      box = Lost.find(keys, Lost.Settings.ORIGINAL).box().orElseThrow();
    }
    Path annotations = folder.resolve("voc");
    Box pixels = box.scaled(14, 14);
    Cli.voc(
        annotations.resolve("a.xml"),
        new Box(0, 0, 16, 250),
        new Box(pixels.left() + 16, pixels.top() + 16, pixels.right() + 16, pixels.bottom() + 16));
    Cli.voc(annotations.resolve("<b> & c.xml"), new Box(0, 0, 10, 10));
    String page = page("-m", TINY, "--annotations", annotations, first, second);
    String summary = between(page, "<section id=\"summary\">", "</section>");
    assertThat(all(summary, "<th>CorLoc</th><td>([^<]*)</td>"))
        .containsExactly("100.00 % (1 of 1)");
    List<String> left = all(page, "rect class=\"truth\" x=\"([^\"]*)\"");
    assertThat(left).hasSize(1);
    assertThat(Double.parseDouble(left.getFirst())).isCloseTo(box.left(), within(1e-9));
    assertThat(page).contains("object, overlap 1.00");
    assertThat(page("-m", TINY, first)).doesNotContain("CorLoc");
  }

  @Test
  void thePageNeedsNothingElseAndSaysHowItWasMade() throws IOException {
    String page = page("-m", TINY, first, second);
    assertThat(page).contains("default-src 'none'").doesNotContain("<script");
    assertThat(all(page, "(?:src|srcset)=\"([^\"]{0,10})"))
        .allMatch(text -> text.equals("data:image"));
    assertThat(all(page, "url\\((.{10})")).hasSize(2).allMatch(text -> text.equals("data:image"));
    assertThat(page).contains("&lt;b&gt; &amp; c.png").doesNotContain("<b> &");
    assertThat(between(page, "<pre>", "</pre>"))
        .contains("fovea report --out ", "&#39;", "-m " + TINY);
  }

  /** Says 60 % dog and 30 % fox whatever it sees. */
  private Path head() throws IOException {
    Path head = folder.resolve("head.safetensors");
    SafetensorsWriter.write(
        head,
        Map.of(
            new TensorInfo("weight", "F32", List.of(3L, 256L)),
            new float[3 * 256],
            new TensorInfo("bias", "F32", List.of(3L)),
            new float[] {0, (float) Math.log(6), (float) Math.log(3)}));
    return head;
  }

  private Path names() throws IOException {
    return Files.writeString(folder.resolve("names.txt"), "cat\ndog\nfox\n");
  }

  @Test
  void aHeadAndProbesHaveTheirTables() throws IOException {
    Path head = head();
    Path labels = names();
    Path data = folder.resolve("data");
    for (int i = 0; i < 5; i++) {
      Cli.image(data.resolve("large/" + i + ".png"), 42, 42, i);
      Cli.image(data.resolve("small/" + i + ".png"), 14, 14, i);
    }
    String page =
        page(
            "-m",
            TINY,
            "--crop",
            42,
            "--resize",
            0,
            "--head",
            head,
            "--labels",
            labels,
            "--probe",
            data,
            "--cache",
            folder.resolve("cache"),
            "--method",
            "percentile",
            first);
    assertThat(page).contains("60.0 %</td><td>dog<", "30.0 %</td><td>fox<");
    String probes = between(page, "<section id=\"probes\">", "</section>");
    assertThat(all(probes, "<tr><td>([^<]*)</td>")).contains("cls", "mean", "outliers", "normal");
    assertThat(probes).contains("100.0 %");
  }

  @Test
  void nothingIsWrittenWhenSomethingIsWrong() throws IOException {
    Path text = Files.writeString(folder.resolve("images/d.png"), "text");
    for (Object[] arguments :
        List.of(
            new Object[] {"report", "--out", out, "-m", TINY, first, text},
            new Object[] {"report", "--out", out, "-m", TINY, "--segments", 99, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--labels", text, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--head", text, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--block", 7, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--crop", 14, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--compare-head", text, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--mass", 2, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--blocks", 2, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--deviations", 0, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--foreground", 1, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--candidates", 0, first},
            new Object[] {"report", "--out", out, "-m", TINY, "--annotations", folder, first})) {
      Result result = Cli.run(arguments);
      assertThat(result.exit()).isNotZero();
      assertThat(result.err()).startsWith("fovea").doesNotContain("Exception");
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void aPlaceThatCannotBeWrittenToIsRefusedBeforeTheWork() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "text");
    Result result = Cli.run("report", "--out", file.resolve("page"), "-m", "none", first);
    assertThat(result.exit()).isNotZero();
    assertThat(result.err()).contains("expected a directory, " + file + " is a file");
  }
}
