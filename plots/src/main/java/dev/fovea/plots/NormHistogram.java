package dev.fovea.plots;

import dev.fovea.analysis.Outliers;
import java.awt.Color;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How many patches have which norm, for one model or several. Counts are logarithmic, since
 * outliers are few.
 */
public final class NormHistogram {

  private static final int LEAST_BINS = 40;

  /** Where empty bins are drawn, so that those with a single patch can be seen. */
  private static final double FLOOR = 0.5;

  /** Times the largest norm, where a cutoff is still shown: a quarter of the chart has the bins. */
  private static final double FARTHEST = 4;

  private NormHistogram() {}

  /**
   * A histogram of each model's patches, with its cutoff as a vertical line, unless that is far
   * beyond all norms: then the legend says so.
   *
   * @param models at least one, by name
   * @param theme colours of everything but the lines
   */
  public static Picture of(Map<String, Outliers> models, Theme theme) {
    double bin = bin(largest(models));
    double end = end(models);
    int bins = (int) (end / bin) + 1;
    LineChart chart = new LineChart(title(models), "L2 norm", "patches", theme);
    int highest = 1;
    int number = 0;
    for (Map.Entry<String, Outliers> model : models.entrySet()) {
      Outliers outliers = model.getValue();
      int[] counts = counts(outliers.norms(), bin, bins);
      highest = Math.max(highest, Arrays.stream(counts).max().orElseThrow());
      String label = label(model.getKey(), outliers, end);
      addSteps(chart, label, counts, bin, LineChart.color(number++));
    }
    double top = 2.0 * highest;
    number = 0;
    for (Outliers outliers : models.values()) {
      Color color = LineChart.color(number++);
      String name = "cutoff " + number;
      outliers.cutoff().stream()
          .filter(cutoff -> cutoff <= end)
          .forEach(
              cutoff ->
                  chart.addUnnamed(
                      name, List.of(cutoff, cutoff), List.of(FLOOR, top), LineChart.DASHED, color));
    }
    return chart.picture(0, bins * bin, FLOOR, top);
  }

  private static double largest(Map<String, Outliers> models) {
    double largest = 0;
    for (Outliers outliers : models.values()) {
      for (float norm : outliers.norms()) {
        largest = Math.max(largest, norm);
      }
    }
    return largest;
  }

  /** What the axis has to reach: the largest norm, and every cutoff that is not far beyond it. */
  static double end(Map<String, Outliers> models) {
    double largest = largest(models);
    return models.values().stream()
        .flatMapToDouble(outliers -> outliers.cutoff().stream())
        .filter(cutoff -> cutoff <= FARTHEST * largest)
        .reduce(largest, Math::max);
  }

  /** Names the block if it is one for all models. */
  static String title(Map<String, Outliers> models) {
    int[] blocks = models.values().stream().mapToInt(Outliers::block).distinct().toArray();
    return "Norms of patches" + (blocks.length == 1 ? " after block " + blocks[0] : "");
  }

  /** A round width (1, 2 or 5 times a power of ten) that gives at least so many bins. */
  static double bin(double largest) {
    double width = largest > 0 ? largest / LEAST_BINS : 1;
    double power = Math.pow(10, Math.floor(Math.log10(width)));
    double digit = width / power;
    return power * (digit < 2 ? 1 : digit < 5 ? 2 : 5);
  }

  /** How many norms are in each bin: from its left end to before its right end. */
  static int[] counts(float[] norms, double bin, int bins) {
    int[] counts = new int[bins];
    for (float norm : norms) {
      counts[Math.min((int) (norm / bin), bins - 1)]++;
    }
    return counts;
  }

  /** What the legend says of a model, on a chart that ends there. */
  static String label(String model, Outliers outliers, double end) {
    if (outliers.cutoff().isEmpty()) {
      return "no outliers: " + model;
    }
    double cutoff = outliers.cutoff().getAsDouble();
    String where = cutoff > end ? " (beyond this chart)" : "";
    return String.format(Locale.ROOT, "%d > %.1f%s: %s", outliers.count(), cutoff, where, model);
  }

  private static void addSteps(
      LineChart chart, String name, int[] counts, double bin, Color color) {
    List<Double> x = new ArrayList<>();
    List<Double> y = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      for (int edge = i; edge <= i + 1; edge++) {
        x.add(edge * bin);
        y.add(Math.max(FLOOR, counts[i]));
      }
    }
    x.add(counts.length * bin);
    y.add(FLOOR);
    chart.add(name, x, y, LineChart.SOLID, color);
  }
}
