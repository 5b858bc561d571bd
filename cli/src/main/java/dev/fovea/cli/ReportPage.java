package dev.fovea.cli;

import com.samskivert.mustache.Mustache;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.RegisterNeuron;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.analysis.RegisterAblations;
import dev.fovea.analysis.RegisterNeurons;
import dev.fovea.plots.NormHistogram;
import dev.fovea.plots.NormsByBlock;
import dev.fovea.plots.Picture;
import dev.fovea.plots.Theme;
import dev.fovea.probes.ProbeReport;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * A report as one HTML file that needs nothing else: pictures are inside, and nothing is fetched or
 * executed. The text is in {@code report.html}; here is what it is filled with.
 *
 * @param command that made it
 * @param version of fovea
 * @param names of the images
 * @param probed the folder of the probes; empty without any
 * @param columns one for each model, or way to run it
 */
record ReportPage(
    String command,
    String version,
    List<String> names,
    Optional<String> probed,
    List<ReportColumn> columns) {

  private static final int NEURONS = 10;

  /** The page. */
  String html() {
    try (InputStream template = ReportPage.class.getResourceAsStream("report.html")) {
      String text = new String(template.readAllBytes(), StandardCharsets.UTF_8);
      return Mustache.compiler().compile(text).execute(content());
    } catch (IOException e) {
      throw new IllegalStateException("the jar of the command is damaged: no report.html", e);
    }
  }

  private Map<String, Object> content() {
    Map<String, Object> content = new LinkedHashMap<>();
    String models = String.join(", ", columns.stream().map(ReportColumn::name).toList());
    content.put("title", "Fovea: " + models);
    content.put("subtitle", models + "; " + images(names.size()));
    content.put("command", command);
    content.put("version", version);
    content.put("summary", new ReportSummary(columns).rows());
    content.put("charts", charts());
    content.put("columns", columns.stream().map(this::ofColumn).toList());
    content.put("neurons", neurons());
    content.put("hasNeurons", columns.stream().anyMatch(column -> column.neurons().isPresent()));
    content.put("ablations", ablations());
    content.put("hasAblations", columns.stream().anyMatch(column -> !column.ablations().isEmpty()));
    content.put("ablatedImages", images(Math.min(ReportColumn.MOST_ABLATED, names.size())));
    content.put("attention", attention());
    content.put("features", features());
    content.put("annotated", columns.stream().anyMatch(ReportColumn::annotated));
    content.put("photographs", photographs());
    content.put("images", IntStream.range(0, names.size()).mapToObj(this::ofImage).toList());
    content.put("heads", columns.stream().mapToInt(column -> 1 + heads(column)).max().orElse(1));
    content.put("hasProbes", probed.isPresent());
    content.put("probeFolder", probed.orElse(""));
    content.put("probes", columns.stream().flatMap(column -> probes(column).stream()).toList());
    return content;
  }

  private static String images(int count) {
    return count == 1 ? "1 image" : count + " images";
  }

  /** Which attention the figures show. */
  private String attention() {
    List<Integer> shown =
        columns.stream().map(column -> column.attention().getFirst().blocks().getLast()).toList();
    boolean last =
        IntStream.range(0, shown.size())
            .allMatch(i -> shown.get(i) == columns.get(i).config().depth() - 1);
    String block = last ? "the last block" : "block " + shown.getFirst();
    OptionalDouble mass = columns.getFirst().settings().attention().mass();
    return mass.isEmpty()
        ? block
        : "%s, where it is most and adds up to %s of it".formatted(block, percent(mass));
  }

  /** What LOST has looked at. */
  private String features() {
    LostOptions lost = columns.getFirst().settings().lost();
    return (lost.source() == PatchFeatures.Source.TOKENS ? "" : "the last block's ")
        + lost.sourceName();
  }

  private static int heads(ReportColumn column) {
    return column.attention().getFirst().heads();
  }

  private List<Map<String, Object>> charts() {
    Map<String, Outliers> models = new LinkedHashMap<>();
    columns.forEach(column -> models.put(column.name(), column.outliers()));
    return List.of(
        chart("Histogram of the norms of patches", theme -> NormHistogram.of(models, theme)),
        chart("Norms after every block", theme -> NormsByBlock.of(models, theme)));
  }

  private static Map<String, Object> chart(String text, Function<Theme, Picture> picture) {
    return Map.of(
        "alt",
        text,
        "light",
        DataUri.chart(picture.apply(Theme.LIGHT)),
        "dark",
        DataUri.chart(picture.apply(Theme.DARK)));
  }

  private Map<String, Object> ofColumn(ReportColumn column) {
    Outliers outliers = column.outliers();
    List<Map<String, Object>> blocks = new ArrayList<>();
    for (int i = 0; i < outliers.cutoffs().size(); i++) {
      int block = i;
      float[] norms = outliers.norms(block);
      OptionalDouble cutoff = outliers.cutoffs().get(block);
      OptionalDouble register =
          outliers.images().stream()
              .flatMapToDouble(image -> doubles(image.statistics().registers(block)))
              .max();
      blocks.add(
          Map.of(
              "block", block,
              "above",
                  doubles(norms).filter(norm -> norm > cutoff.orElse(Double.MAX_VALUE)).count(),
              "cutoff", Numbers.text(cutoff, "%.1f"),
              "median", Numbers.oneDecimal(percentile(norms, 50)),
              "largest", Numbers.oneDecimal(percentile(norms, 100)),
              "register", Numbers.text(register, "%.1f")));
    }
    return Map.of("name", column.name(), "blocks", blocks);
  }

  static double percentile(float[] norms, double percent) {
    return new OutlierRule.Percentile(percent).cutoff(norms).orElseThrow();
  }

  private static DoubleStream doubles(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]);
  }

  /** A column with a test-time register follows the one of the same model without. */
  private List<Map<String, Object>> neurons() {
    List<Map<String, Object>> all = new ArrayList<>();
    for (int i = 1; i < columns.size(); i++) {
      ReportColumn without = columns.get(i - 1);
      columns.get(i).neurons().ifPresent(choice -> all.add(neurons(choice, without)));
    }
    return all;
  }

  private static Map<String, Object> neurons(RegisterNeurons.Choice choice, ReportColumn without) {
    List<RegisterNeuron> neurons = choice.register().neurons();
    List<Map<String, Object>> first =
        neurons.stream()
            .limit(NEURONS)
            .map(
                neuron ->
                    Map.<String, Object>of(
                        "block",
                        neuron.block(),
                        "index",
                        neuron.index(),
                        "score",
                        String.format(Locale.ROOT, "%.4g", neuron.score())))
            .toList();
    return Map.of(
        "model", without.name(),
        "description", neurons.size() == 1 ? "one of them does" : neurons.size() + " of them do",
        "before", without.outliers().count(),
        "remaining", choice.remaining(),
        "first", first);
  }

  private List<Map<String, Object>> ablations() {
    return columns.stream()
        .filter(column -> !column.ablations().isEmpty())
        .map(
            column ->
                Map.of(
                    "name", column.name(),
                    "outcomes", column.ablations().stream().map(ReportPage::outcome).toList()))
        .toList();
  }

  private static Map<String, Object> outcome(RegisterAblations.Outcome outcome) {
    return Map.of(
        "change", outcome.name(),
        "cls", String.format(Locale.ROOT, "%.6f", outcome.cls()),
        "patches", String.format(Locale.ROOT, "%.6f", outcome.patches()));
  }

  /** Each picture once, with the names of the figures that show it. */
  private List<Map<String, Object>> photographs() {
    Map<String, Image.Rgb> images = new LinkedHashMap<>();
    Map<String, List<String>> users = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      for (int j = 0; j < columns.size(); j++) {
        Image.Rgb image = columns.get(j).photographs().get(i).seen();
        String picture = DataUri.photograph(image);
        images.put(picture, image);
        users.computeIfAbsent(picture, key -> new ArrayList<>()).add(".photograph" + j + "-" + i);
      }
    }
    List<Map<String, Object>> photographs = new ArrayList<>();
    images.forEach(
        (picture, image) ->
            photographs.add(
                Map.of(
                    "users", String.join(", ", users.get(picture)),
                    "picture", picture,
                    "width", image.width(),
                    "height", image.height())));
    return photographs;
  }

  private Map<String, Object> ofImage(int index) {
    List<Map<String, Object>> ofColumns = new ArrayList<>();
    for (int i = 0; i < columns.size(); i++) {
      ReportColumn column = columns.get(i);
      PatchGrid grid = column.attention().get(index).grid();
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("column", i);
      map.put("grid", grid + " patches");
      map.put("gridRows", grid.rows());
      map.put("gridColumns", grid.columns());
      map.put("name", column.name());
      map.put("figures", new ReportFigures(column, index).all(largestNorm()));
      map.put("hasPredictions", !column.predictions().isEmpty());
      map.put("predictions", predictions(column, index));
      map.put("headNumbers", IntStream.range(0, heads(column)).boxed().toList());
      map.put("headRows", new ReportFigures(column, index).heads());
      ofColumns.add(map);
    }
    return Map.of("number", index, "name", names.get(index), "columns", ofColumns);
  }

  /** Of all models and images, so that equal colours are equal norms. */
  private double largestNorm() {
    return columns.stream()
        .mapToDouble(column -> percentile(column.outliers().norms(), 100))
        .max()
        .orElse(0);
  }

  private static List<Map<String, Object>> predictions(ReportColumn column, int index) {
    if (column.predictions().isEmpty()) {
      return List.of();
    }
    return column.predictions().get(index).stream()
        .map(
            prediction ->
                Map.<String, Object>of(
                    "percent", percent(OptionalDouble.of(prediction.probability())),
                    "label", prediction.label()))
        .toList();
  }

  private static Optional<Map<String, Object>> probes(ReportColumn column) {
    return column
        .probes()
        .map(
            report ->
                Map.of(
                    "name", column.name(),
                    "tokens", report.classification().stream().map(ReportPage::score).toList(),
                    "patches", report.patches().stream().map(ReportPage::score).toList()));
  }

  private static Map<String, Object> score(ProbeReport.TokenScore score) {
    return Map.of(
        "token", score.token(),
        "train", score.train(),
        "test", score.validation(),
        "linear", percent(score.linear()),
        "neighbours", percent(score.neighbours()));
  }

  private static Map<String, Object> score(ProbeReport.PatchScore score) {
    return Map.of(
        "patch", score.outliers() ? "outliers" : "normal",
        "count", score.patches(),
        "position", percent(score.position()),
        "distance", Numbers.text(score.distance(), "%.2f"),
        "pixels", Numbers.text(score.pixels(), "%.2f"));
  }

  private static String percent(OptionalDouble share) {
    return share.isPresent()
        ? String.format(Locale.ROOT, "%.1f %%", 100 * share.getAsDouble())
        : "none";
  }
}
