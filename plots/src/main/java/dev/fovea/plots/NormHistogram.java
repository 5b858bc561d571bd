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

  private NormHistogram() {}

  /**
   * A histogram of each model's patches, with its cutoff as a vertical line.
   *
   * @param models at least one, by name
   * @param theme colours of everything but the lines
   */
  public static Picture of(Map<String, Outliers> models, Theme theme) {
    double largest = 0;
    for (Outliers outliers : models.values()) {
      for (float norm : outliers.norms()) {
        largest = Math.max(largest, norm);
      }
    }
    double bin = bin(largest);
    int bins = (int) (largest / bin) + 1;
    int block = models.values().iterator().next().block();
    LineChart chart =
        new LineChart("Norms of patches after block " + block, "L2 norm", "patches", theme);
    int highest = 1;
    int number = 0;
    for (Map.Entry<String, Outliers> model : models.entrySet()) {
      int[] counts = counts(model.getValue().norms(), bin, bins);
      highest = Math.max(highest, Arrays.stream(counts).max().orElseThrow());
      addSteps(chart, label(model), counts, bin, LineChart.color(number++));
    }
    double top = 2.0 * highest;
    number = 0;
    for (Outliers outliers : models.values()) {
      Color color = LineChart.color(number++);
      String name = "cutoff " + number;
      List<Double> ends = List.of(FLOOR, top);
      outliers
          .cutoff()
          .ifPresent(
              cutoff ->
                  chart.addUnnamed(name, List.of(cutoff, cutoff), ends, LineChart.DASHED, color));
    }
    return chart.picture(0, bins * bin, FLOOR, top);
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

  private static String label(Map.Entry<String, Outliers> model) {
    Outliers outliers = model.getValue();
    return outliers.cutoff().isEmpty()
        ? "no outliers: " + model.getKey()
        : String.format(
            Locale.ROOT,
            "%d > %.1f: %s",
            outliers.count(),
            outliers.cutoff().getAsDouble(),
            model.getKey());
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
