package dev.fovea.cli;

import com.samskivert.mustache.Mustache;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.RegisterNeuron;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.RegisterNeurons;
import dev.fovea.analysis.TokenStatistics;
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
import java.util.OptionalInt;
import java.util.function.BiFunction;
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
    content.put(
        "subtitle", models + "; " + names.size() + (names.size() == 1 ? " image" : " images"));
    content.put("command", command);
    content.put("version", version);
    content.put("summary", summary());
    content.put("charts", charts());
    content.put("columns", columns.stream().map(this::ofColumn).toList());
    content.put("neurons", columns.stream().flatMap(column -> neurons(column).stream()).toList());
    content.put("photographs", photographs());
    content.put("images", IntStream.range(0, names.size()).mapToObj(this::ofImage).toList());
    content.put("heads", columns.stream().mapToInt(column -> 1 + heads(column)).max().orElse(1));
    content.put("hasProbes", probed.isPresent());
    content.put("probeFolder", probed.orElse(""));
    content.put("probes", columns.stream().flatMap(column -> probes(column).stream()).toList());
    return content;
  }

  private static int heads(ReportColumn column) {
    return column.attention().getFirst().heads();
  }

  private List<Map<String, Object>> summary() {
    List<Map<String, Object>> rows = new ArrayList<>();
    addRow(rows, "registers", ReportPage::registers);
    addRow(rows, "outliers", column -> share(column.outliers()));
    addRow(
        rows,
        "cutoff",
        column ->
            Numbers.text(column.outliers().cutoff(), "%.1f")
                + " ("
                + OutlierOptions.text(column.rule())
                + ")");
    addRow(
        rows,
        "looked at after block",
        column -> column.outliers().block() + " of 0 to " + (column.config().depth() - 1));
    addRow(rows, "first seen after block", column -> text(column.outliers().firstBlock()));
    addRow(rows, "norm of the median patch", column -> medianOrMost(column, 50));
    addRow(rows, "norm of the largest patch", column -> medianOrMost(column, 100));
    addRow(rows, "norms of the registers", ReportPage::registerNorms);
    addRow(rows, "norm of CLS", ReportPage::clsNorm);
    addRow(
        rows,
        "similarity to neighbours, outliers",
        column -> Numbers.text(column.outliers().outlierSimilarity(), "%.3f"));
    addRow(
        rows,
        "similarity to neighbours, others",
        column -> Numbers.text(column.outliers().otherSimilarity(), "%.3f"));
    return rows;
  }

  private void addRow(
      List<Map<String, Object>> rows, String label, Function<ReportColumn, String> value) {
    rows.add(Map.of("label", label, "values", columns.stream().map(value).toList()));
  }

  private static String registers(ReportColumn column) {
    int registers = column.attention().getFirst().registers();
    return registers == 0 ? "none" : Integer.toString(registers);
  }

  private static String share(Outliers outliers) {
    return String.format(
        Locale.ROOT,
        "%d of %,d patches (%.2f %%)",
        outliers.count(),
        outliers.patches(),
        100.0 * outliers.count() / outliers.patches());
  }

  private static String text(OptionalInt value) {
    return value.isPresent() ? Integer.toString(value.getAsInt()) : "none";
  }

  private static String medianOrMost(ReportColumn column, double percent) {
    return Numbers.oneDecimal(percentile(column.outliers().norms(), percent));
  }

  private static double percentile(float[] norms, double percent) {
    return new OutlierRule.Percentile(percent).cutoff(norms).orElseThrow();
  }

  /** Of each register the mean over the images. */
  private static String registerNorms(ReportColumn column) {
    return Numbers.oneDecimal(means(column, TokenStatistics::registers));
  }

  private static String clsNorm(ReportColumn column) {
    return Numbers.oneDecimal(
        means(column, (statistics, block) -> new float[] {statistics.cls(block)}));
  }

  private static float[] means(
      ReportColumn column, BiFunction<TokenStatistics, Integer, float[]> norms) {
    Outliers outliers = column.outliers();
    List<float[]> all =
        outliers.images().stream()
            .map(image -> norms.apply(image.statistics(), outliers.block()))
            .toList();
    float[] means = new float[all.getFirst().length];
    for (int i = 0; i < means.length; i++) {
      double sum = 0;
      for (float[] values : all) {
        sum += values[i];
      }
      means[i] = (float) (sum / all.size());
    }
    return means;
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

  private static DoubleStream doubles(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]);
  }

  private Optional<Map<String, Object>> neurons(ReportColumn column) {
    return column.neurons().map(choice -> neurons(choice, columns.getFirst()));
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

  /** Each picture once, with the names of the figures that show it. */
  private List<Map<String, Object>> photographs() {
    Map<String, Image.Rgb> images = new LinkedHashMap<>();
    Map<String, List<String>> users = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      for (int j = 0; j < columns.size(); j++) {
        Image.Rgb image = columns.get(j).seen().get(i);
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
