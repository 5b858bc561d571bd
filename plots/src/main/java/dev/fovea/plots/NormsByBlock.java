package dev.fovea.plots;

import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * How norms grow from block to block: of the median patch, of the largest one, and of the largest
 * register.
 */
public final class NormsByBlock {

  private static final String TITLE =
      "Norms: largest patch (line), median (dashes), register (dots)";

  private NormsByBlock() {}

  /**
   * The lines of each model.
   *
   * @param models at least one, by name
   * @param theme colours of everything but the lines
   */
  public static Picture of(Map<String, Outliers> models, Theme theme) {
    LineChart chart = new LineChart(TITLE, "block", "L2 norm", theme);
    double least = Double.MAX_VALUE;
    double most = 0;
    int last = 1;
    int number = 0;
    for (Map.Entry<String, Outliers> model : models.entrySet()) {
      Color color = LineChart.color(number++);
      Outliers outliers = model.getValue();
      List<Double> medians = medians(outliers);
      List<Double> largest = largest(outliers);
      List<Double> blocks = indices(medians.size());
      chart.add(model.getKey(), blocks, largest, LineChart.SOLID, color);
      chart.addUnnamed("median " + number, blocks, medians, LineChart.DASHED, color);
      List<Double> all = new ArrayList<>(medians);
      all.addAll(largest);
      if (outliers.images().getFirst().statistics().registers() > 0) {
        List<Double> registers = largestRegister(outliers);
        chart.addUnnamed("register " + number, blocks, registers, LineChart.DOTTED, color);
        all.addAll(registers);
      }
      for (double norm : all) {
        least = Math.min(least, Math.max(norm, Float.MIN_NORMAL));
        most = Math.max(most, norm);
      }
      last = Math.max(last, medians.size() - 1);
    }
    return chart.picture(0, last, least / 1.2, Math.max(1.2 * most, least));
  }

  private static List<Double> indices(int blocks) {
    return IntStream.range(0, blocks).mapToObj(block -> (double) block).toList();
  }

  private static List<Double> medians(Outliers outliers) {
    OutlierRule median = new OutlierRule.Percentile(50);
    return IntStream.range(0, outliers.cutoffs().size())
        .mapToObj(block -> positive(median.cutoff(outliers.norms(block)).orElseThrow()))
        .toList();
  }

  private static List<Double> largest(Outliers outliers) {
    return IntStream.range(0, outliers.cutoffs().size())
        .mapToObj(block -> positive(largest(outliers.norms(block))))
        .toList();
  }

  /** Of the registers of all images. */
  private static List<Double> largestRegister(Outliers outliers) {
    return IntStream.range(0, outliers.cutoffs().size())
        .mapToObj(
            block ->
                positive(
                    outliers.images().stream()
                        .mapToDouble(image -> largest(image.statistics().registers(block)))
                        .max()
                        .orElse(0)))
        .toList();
  }

  private static double largest(float[] norms) {
    double largest = 0;
    for (float norm : norms) {
      largest = Math.max(largest, norm);
    }
    return largest;
  }

  /** A logarithmic axis has no zero. */
  private static double positive(double norm) {
    return Math.max(norm, Float.MIN_NORMAL);
  }
}
