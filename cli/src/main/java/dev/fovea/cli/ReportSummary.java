package dev.fovea.cli;

import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * A report in a few numbers: what is to be said of every model, side by side.
 *
 * @param columns of the report
 */
record ReportSummary(List<ReportColumn> columns) {

  /** For every fact its label, and what it is for each model. */
  List<Map<String, Object>> rows() {
    List<Map<String, Object>> rows = new ArrayList<>();
    addRow(rows, "registers", ReportSummary::registers);
    addRow(rows, "outliers", column -> share(column.outliers()));
    addRow(
        rows,
        "cutoff",
        column ->
            Numbers.text(column.outliers().cutoff(), "%.1f")
                + " ("
                + OutlierOptions.text(column.settings().rule())
                + ")");
    addRow(
        rows,
        "looked at after block",
        column -> column.outliers().block() + " of 0 to " + (column.config().depth() - 1));
    addRow(rows, "first seen after block", column -> text(column.outliers().firstBlock()));
    addRow(rows, "norm of the median patch", column -> medianOrMost(column, 50));
    addRow(rows, "norm of the largest patch", column -> medianOrMost(column, 100));
    addRow(rows, "norms of the registers", ReportSummary::registerNorms);
    addRow(rows, "norm of CLS", ReportSummary::clsNorm);
    addRow(
        rows,
        "similarity to neighbours, outliers",
        column -> Numbers.text(column.outliers().outlierSimilarity(), "%.3f"));
    addRow(
        rows,
        "similarity to neighbours, others",
        column -> Numbers.text(column.outliers().otherSimilarity(), "%.3f"));
    if (columns.stream().anyMatch(ReportColumn::annotated)) {
      addRow(rows, "CorLoc", column -> Localization.corLoc(column.localizations()));
    }
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
    return Numbers.oneDecimal(ReportPage.percentile(column.outliers().norms(), percent));
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
}
