package dev.fovea.plots;

import dev.fovea.analysis.Outliers;
import java.awt.BasicStroke;
import java.awt.Color;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * How many patches have which norm, for one model or several. Counts are logarithmic, since
 * outliers are few.
 */
public final class NormHistogram {

  private static final int LEAST_BINS = 40;
  private static final int WIDTH = 900;
  private static final int HEIGHT = 450;

  /** Where empty bins are drawn, so that those with a single patch can be seen. */
  private static final double FLOOR = 0.5;

  private static final BasicStroke LINE = new BasicStroke(2);
  private static final BasicStroke DASHES =
      new BasicStroke(1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 1, new float[] {6, 4}, 0);

  private static final List<Color> COLORS =
      List.of(new Color(0x3b6fb6), new Color(0xe08a3c), new Color(0x4fb286), new Color(0x9b6fb6));

  private NormHistogram() {}

  /**
   * A histogram of each model's patches, with its cutoff as a vertical line.
   *
   * @param models at least one, by name
   */
  public static Picture of(Map<String, Outliers> models) {
    double largest = 0;
    for (Outliers outliers : models.values()) {
      for (float norm : outliers.norms()) {
        largest = Math.max(largest, norm);
      }
    }
    double bin = bin(largest);
    int bins = (int) (largest / bin) + 1;
    XYChart chart = chart(models.values().iterator().next().block());
    int highest = 1;
    int number = 0;
    for (Map.Entry<String, Outliers> model : models.entrySet()) {
      int[] counts = counts(model.getValue().norms(), bin, bins);
      highest = Math.max(highest, Arrays.stream(counts).max().orElseThrow());
      addSteps(chart, label(model), counts, bin, COLORS.get(number++ % COLORS.size()));
    }
    number = 0;
    for (Outliers outliers : models.values()) {
      Color color = COLORS.get(number++ % COLORS.size());
      double top = 2.0 * highest;
      String name = "cutoff " + number;
      outliers.cutoff().ifPresent(cutoff -> addCutoff(chart, name, cutoff, top, color));
    }
    chart.getStyler().setYAxisMin(FLOOR).setYAxisMax(2.0 * highest);
    chart.getStyler().setXAxisMin(0.0).setXAxisMax(bins * bin);
    return new Picture(WIDTH, HEIGHT, graphics -> chart.paint(graphics, WIDTH, HEIGHT));
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
            "%d above %.1f: %s",
            outliers.count(),
            outliers.cutoff().getAsDouble(),
            model.getKey());
  }

  private static XYChart chart(int block) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Norms of patches after block " + block)
            .xAxisTitle("L2 norm")
            .yAxisTitle("patches")
            .theme(Styler.ChartTheme.XChart)
            .build();
    chart
        .getStyler()
        .setYAxisLogarithmic(true)
        .setXAxisDecimalPattern("0.##")
        .setLegendPosition(Styler.LegendPosition.OutsideS)
        .setLegendLayout(Styler.LegendLayout.Horizontal)
        .setLegendBackgroundColor(Color.WHITE)
        .setPlotBackgroundColor(Color.WHITE)
        .setChartBackgroundColor(Color.WHITE)
        .setAntiAlias(true);
    return chart;
  }

  private static void addSteps(XYChart chart, String name, int[] counts, double bin, Color color) {
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
    style(chart.addSeries(name, x, y), LINE, color);
  }

  private static void addCutoff(
      XYChart chart, String name, double cutoff, double top, Color color) {
    XYSeries series = chart.addSeries(name, List.of(cutoff, cutoff), List.of(FLOOR, top));
    series.setShowInLegend(false);
    style(series, DASHES, color);
  }

  private static void style(XYSeries series, BasicStroke stroke, Color color) {
    series.setMarker(SeriesMarkers.NONE);
    series.setLineStyle(stroke);
    series.setLineColor(color);
  }
}
