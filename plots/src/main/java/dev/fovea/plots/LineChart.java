package dev.fovea.plots;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.util.List;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** What our charts have in common: lines without markers, in the colours of a theme. */
final class LineChart {

  static final BasicStroke SOLID = new BasicStroke(2);
  static final BasicStroke DASHED = dashes(1.5f, 6, 4);
  static final BasicStroke DOTTED = dashes(1.5f, 2, 3);

  private static final Font PLAIN = new Font(Font.SANS_SERIF, Font.PLAIN, 14);
  private static final Font SMALL = new Font(Font.SANS_SERIF, Font.PLAIN, 12);
  private static final Font BOLD = new Font(Font.SANS_SERIF, Font.BOLD, 15);
  private static final int WIDTH = 720;
  private static final int HEIGHT = 420;

  private static final List<Color> COLORS =
      List.of(new Color(0x3b6fb6), new Color(0xe08a3c), new Color(0x4fb286), new Color(0x9b6fb6));

  private final XYChart chart;

  /** An empty chart with a logarithmic vertical axis. */
  LineChart(String title, String horizontal, String vertical, Theme theme) {
    chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle(horizontal)
            .yAxisTitle(vertical)
            .theme(Styler.ChartTheme.XChart)
            .build();
    chart
        .getStyler()
        .setYAxisLogarithmic(true)
        .setXAxisDecimalPattern("0.##")
        .setAxisTitleFont(BOLD)
        .setAxisTickLabelsFont(PLAIN)
        .setAxisTickMarksColor(theme.ink())
        .setAxisTickLabelsColor(theme.ink())
        .setPlotGridLinesColor(theme.grid());
    chart
        .getStyler()
        .setPlotBorderColor(theme.grid())
        .setPlotBackgroundColor(theme.paper())
        .setChartBackgroundColor(theme.paper())
        .setChartFontColor(theme.ink())
        .setChartTitleFont(BOLD)
        .setChartTitleFontColor(theme.ink())
        .setChartTitleBoxVisible(false)
        .setLegendPosition(Styler.LegendPosition.OutsideS)
        .setLegendLayout(Styler.LegendLayout.Vertical)
        .setLegendFont(SMALL)
        .setLegendBackgroundColor(theme.paper())
        .setLegendBorderColor(theme.paper())
        .setAntiAlias(true);
  }

  private static BasicStroke dashes(float width, float line, float gap) {
    return new BasicStroke(
        width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER, 1, new float[] {line, gap}, 0);
  }

  /** The colour of a model, by its place among those that are drawn. */
  static Color color(int model) {
    return COLORS.get(model % COLORS.size());
  }

  /** Adds a line that the legend names. */
  void add(String name, List<Double> x, List<Double> y, BasicStroke stroke, Color color) {
    addSeries(name, x, y, stroke, color);
  }

  /** Adds a line that the legend leaves out; the name is for telling it from others. */
  void addUnnamed(String name, List<Double> x, List<Double> y, BasicStroke stroke, Color color) {
    addSeries(name, x, y, stroke, color).setShowInLegend(false);
  }

  private XYSeries addSeries(
      String name, List<Double> x, List<Double> y, BasicStroke stroke, Color color) {
    XYSeries series = chart.addSeries(name, x, y);
    series.setMarker(SeriesMarkers.NONE);
    series.setLineStyle(stroke);
    series.setLineColor(color);
    return series;
  }

  /** The chart with these ends of its axes. */
  Picture picture(double left, double right, double bottom, double top) {
    chart.getStyler().setYAxisMin(bottom).setYAxisMax(top);
    chart.getStyler().setXAxisMin(left).setXAxisMax(right);
    return new Picture(WIDTH, HEIGHT, graphics -> chart.paint(graphics, WIDTH, HEIGHT));
  }
}
