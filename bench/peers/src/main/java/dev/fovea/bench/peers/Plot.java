package dev.fovea.bench.peers;

import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.util.List;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.HorizontalBarChart;
import org.knowm.xchart.HorizontalBarChartBuilder;
import org.knowm.xchart.style.Styler;

/**
 * The results as bars, one group a configuration: speed as a multiple of the faster peer's, since
 * absolute times of a small and a large model do not fit on one axis.
 */
final class Plot {

  private static final int HEIGHT_OF_GROUP = 62;
  private static final int HEIGHT_AROUND = 130;

  private Plot() {}

  /**
   * The plot as an image.
   *
   * @param onnx the graph of ONNX Runtime
   * @param format "png" or "svg"
   */
  static byte[] image(List<Row> rows, OnnxForm onnx, String format) throws IOException {
    return ChartEncoder.getBytes(chart(rows, onnx), format);
  }

  private static HorizontalBarChart chart(List<Row> rows, OnnxForm onnx) {
    List<Row> ours = rows.stream().filter(row -> row.engine() == Engine.FOVEA).toList();
    HorizontalBarChart chart =
        new HorizontalBarChartBuilder()
            .width(900)
            .height(HEIGHT_OF_GROUP * ours.size() + HEIGHT_AROUND)
            .title("Speed as a multiple of the faster peer's (medians; longer is better)")
            .theme(Styler.ChartTheme.XChart)
            .build();
    style(chart);
    List<String> configurations = ours.stream().map(Plot::label).toList();
    for (Engine engine : Engine.values()) {
      List<Double> speeds = ours.stream().map(row -> speed(engine, row, rows)).toList();
      String title = engine == Engine.ONNXRUNTIME ? onnx.title() : engine.title();
      chart.addSeries(title, speeds, configurations).setFillColor(color(engine));
    }
    return chart;
  }

  private static void style(HorizontalBarChart chart) {
    chart
        .getStyler()
        .setLabelsVisible(true)
        .setLabelsPosition(0.95)
        .setLabelsFontColorAutomaticEnabled(false)
        .setLabelsFontColor(Color.BLACK)
        .setLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 11))
        .setAvailableSpaceFill(0.8)
        .setPlotGridHorizontalLinesVisible(false)
        .setXAxisMin(0.0)
        // Governs the axis of the groups, too: with a larger one, some of their names are left out.
        .setXAxisTickMarkSpacingHint(HEIGHT_OF_GROUP / 2)
        .setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12))
        .setDecimalPattern("0.00")
        .setLegendPosition(Styler.LegendPosition.OutsideS)
        .setLegendLayout(Styler.LegendLayout.Horizontal)
        .setLegendBackgroundColor(Color.WHITE)
        .setPlotBackgroundColor(Color.WHITE)
        .setChartBackgroundColor(Color.WHITE)
        .setAntiAlias(true);
  }

  private static double speed(Engine engine, Row ours, List<Row> rows) {
    Row row =
        rows.stream()
            .filter(other -> other.engine() == engine && other.comparable(ours))
            .findFirst()
            .orElseThrow();
    return Table.ratio(ours, rows) * ours.medianMs() / row.medianMs();
  }

  private static Color color(Engine engine) {
    return switch (engine) {
      case FOVEA -> new Color(0x4fb286);
      case ONNXRUNTIME -> new Color(0xa9bacb);
      case LIBTORCH -> new Color(0xe8bd7f);
    };
  }

  private static String label(Row row) {
    return "%s, %d px, batch %d, %s, %d %s"
        .formatted(
            row.model(),
            row.pixels(),
            row.batch(),
            row.output().id(),
            row.threads(),
            row.threads() == 1 ? "thread" : "threads");
  }
}
