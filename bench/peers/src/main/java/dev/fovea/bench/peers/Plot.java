package dev.fovea.bench.peers;

import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.util.List;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.style.Styler;

/** The results as bars: images a second, one group a configuration. */
final class Plot {

  private Plot() {}

  /**
   * The plot as an image.
   *
   * @param format "png" or "svg"
   */
  static byte[] image(List<Row> rows, String format) throws IOException {
    return ChartEncoder.getBytes(chart(rows), format);
  }

  private static CategoryChart chart(List<Row> rows) {
    List<Row> ours = rows.stream().filter(row -> row.engine() == Engine.FOVEA).toList();
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(Math.max(900, 130 * ours.size() + 120))
            .height(520)
            .title("Images a second (more is better)")
            .yAxisTitle("images / s")
            .theme(Styler.ChartTheme.XChart)
            .build();
    chart
        .getStyler()
        .setLegendPosition(Styler.LegendPosition.InsideNE)
        .setChartBackgroundColor(Color.WHITE)
        .setPlotBackgroundColor(Color.WHITE)
        .setLegendBackgroundColor(Color.WHITE)
        .setAntiAlias(true)
        .setBaseFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
    chart
        .getStyler()
        .setLabelsVisible(true)
        .setLabelsPosition(1)
        .setLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 10))
        .setAvailableSpaceFill(0.85)
        .setPlotGridVerticalLinesVisible(false);
    List<String> configurations = ours.stream().map(Plot::label).toList();
    for (Engine engine : Engine.values()) {
      List<Double> values =
          rows.stream()
              .filter(row -> row.engine() == engine)
              .map(row -> Math.round(row.imagesPerSecond() * 10) / 10.0)
              .toList();
      chart.addSeries(engine.title(), configurations, values).setFillColor(color(engine));
    }
    return chart;
  }

  private static Color color(Engine engine) {
    return switch (engine) {
      case FOVEA -> new Color(0x1b7f5c);
      case ONNXRUNTIME -> new Color(0x8aa0b8);
      case LIBTORCH -> new Color(0xe0a458);
    };
  }

  private static String label(Row row) {
    return "%s %d px, %s, batch %d, %d thr."
        .formatted(row.model(), row.pixels(), row.output().id(), row.batch(), row.threads());
  }
}
