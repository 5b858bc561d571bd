package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

  @Test
  void aHeadAndProbesHaveTheirTables() throws IOException {
    Path head = folder.resolve("head.safetensors");
    SafetensorsWriter.write(
        head,
        Map.of(
            new TensorInfo("weight", "F32", List.of(3L, 256L)),
            new float[3 * 256],
            new TensorInfo("bias", "F32", List.of(3L)),
            new float[] {0, (float) Math.log(6), (float) Math.log(3)}));
    Path labels = Files.writeString(folder.resolve("names.txt"), "cat\ndog\nfox\n");
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
            new Object[] {"report", "--out", out, "-m", TINY, "--crop", 14, first})) {
      Result result = Cli.run(arguments);
      assertThat(result.exit()).isNotZero();
      assertThat(result.err()).startsWith("fovea").doesNotContain("Exception");
      assertThat(out).doesNotExist();
    }
  }
}
