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
 * How many patches have which norm, for one model or several; the counts are logarithmic, since
 * outliers are few.
 */
public final class NormHistogram {

  private static final int BINS = 60;
  private static final int WIDTH = 900;
  private static final int HEIGHT = 450;

  /** Counts are drawn from here on, so that a single patch can be seen. */
  private static final double FLOOR = 0.5;

  private static final List<Color> COLORS =
      List.of(new Color(0x3b6fb6), new Color(0xe08a3c), new Color(0x4fb286), new Color(0x9b6fb6));

  private NormHistogram() {}

  /** A histogram of each model's patches, with its cutoff as a vertical line. */
  public static Picture of(Map<String, Outliers> models) {
    double most = 0;
    for (Outliers outliers : models.values()) {
      for (float norm : outliers.norms()) {
        most = Math.max(most, norm);
      }
    }
    XYChart chart = chart(models.values().iterator().next().block());
    int highest = 1;
    for (Outliers outliers : models.values()) {
      highest = Math.max(highest, Arrays.stream(counts(outliers.norms(), most)).max().orElse(1));
    }
    int number = 0;
    for (Map.Entry<String, Outliers> model : models.entrySet()) {
      Outliers outliers = model.getValue();
      Color color = COLORS.get(number++ % COLORS.size());
      addSteps(chart, model.getKey(), counts(outliers.norms(), most), most, color);
      if (outliers.cutoff().isPresent()) {
        double cutoff = outliers.cutoff().getAsDouble();
        String name = String.format(Locale.ROOT, "cutoff %.1f (%d)", cutoff, number);
        addCutoff(chart, name, cutoff, 2 * highest, color);
      }
    }
    chart.getStyler().setYAxisMin(FLOOR).setYAxisMax(2.0 * highest).setXAxisMin(0.0);
    return new Picture(WIDTH, HEIGHT, graphics -> chart.paint(graphics, WIDTH, HEIGHT));
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
        .setLegendPosition(Styler.LegendPosition.OutsideS)
        .setLegendLayout(Styler.LegendLayout.Horizontal)
        .setLegendBackgroundColor(Color.WHITE)
        .setPlotBackgroundColor(Color.WHITE)
        .setChartBackgroundColor(Color.WHITE)
        .setAntiAlias(true);
    return chart;
  }

  /** How many norms are in each of equal parts of 0 to {@code most}. */
  static int[] counts(float[] norms, double most) {
    int[] counts = new int[BINS];
    for (float norm : norms) {
      counts[most > 0 ? (int) Math.min(norm / most * BINS, BINS - 1) : 0]++;
    }
    return counts;
  }

  private static void addSteps(XYChart chart, String name, int[] counts, double most, Color color) {
    List<Double> x = new ArrayList<>();
    List<Double> y = new ArrayList<>();
    for (int i = 0; i < BINS; i++) {
      for (int edge = 0; edge < 2; edge++) {
        x.add((i + edge) * most / BINS);
        y.add(Math.max(FLOOR, counts[i]));
      }
    }
    XYSeries series = chart.addSeries(name, x, y);
    series.setMarker(SeriesMarkers.NONE);
    series.setLineColor(color);
    series.setLineStyle(new BasicStroke(2));
  }

  private static void addCutoff(
      XYChart chart, String name, double cutoff, double top, Color color) {
    XYSeries series = chart.addSeries(name, List.of(cutoff, cutoff), List.of(FLOOR, top));
    series.setMarker(SeriesMarkers.NONE);
    series.setLineColor(color);
    series.setLineStyle(
        new BasicStroke(
            1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 1, new float[] {6, 4}, 0));
  }
}
