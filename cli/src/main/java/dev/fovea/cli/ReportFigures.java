package dev.fovea.cli;

import dev.fovea.PatchGrid;
import dev.fovea.analysis.AttentionMaps;
import dev.fovea.analysis.Box;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.Outliers;
import dev.fovea.plots.Palette;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The figures of one image for one model: the photograph, with colours of the patches and with
 * frames in units of patches laid over it.
 *
 * @param column of the model
 * @param index of the image
 */
record ReportFigures(ReportColumn column, int index) {

  private static final int OBJECT = 0x3b6fb6;
  private static final int BAR = 32;

  /**
   * All of them.
   *
   * @param largestNorm that has the brightest colour
   */
  List<Map<String, Object>> all(double largestNorm) {
    List<Map<String, Object>> figures = new ArrayList<>();
    figures.add(figure("seen", "what the model sees", "", List.of(), List.of(), List.of()));
    figures.add(norms(largestNorm));
    for (int query = 0; query <= maps().registers(); query++) {
      figures.add(attention(query));
    }
    figures.add(
        figure(
            "components",
            "principal components",
            "gray",
            List.of(DataUri.colors(grid(), components())),
            List.of(),
            List.of()));
    figures.add(
        figure(
            "segments",
            "segments",
            "mix",
            List.of(DataUri.colors(grid(), Palette.of(column.segments().get(index)))),
            List.of(),
            List.of()));
    figures.add(object());
    return figures;
  }

  private Map<String, Object> norms(double largest) {
    Outliers outliers = column.outliers();
    Outliers.OfImage image = outliers.images().get(index);
    List<Map<String, Object>> frames =
        image.outliers().stream()
            .map(outlier -> frame("outlier", outlier.patch(), norm(outlier.norm())))
            .toList();
    String heat = DataUri.heat(grid(), image.statistics().patches(outliers.block()), 0, largest);
    String found = frames.size() == 1 ? "1 outlier" : frames.size() + " outliers";
    return figure("norms", "norms, " + found, "gray mix", List.of(heat), frames, bar(0, largest));
  }

  private static String norm(float norm) {
    return "norm " + Numbers.oneDecimal(norm);
  }

  /** Patches of the background stay transparent. */
  private int[] components() {
    return column.colors().rgb(index, column.settings().components().deviations());
  }

  /** Of the last of the blocks. */
  private Map<String, Object> attention(int query) {
    float[] map = kept(maps().mean(maps().blocks().getLast(), query));
    double most = most(map);
    return figure(
        "attention",
        "attention of " + token(query),
        "gray mix",
        List.of(DataUri.heat(grid(), map, 0, most)),
        List.of(),
        bar(0, most));
  }

  private static String token(int query) {
    return query == AttentionMaps.CLS ? "CLS" : "register " + query;
  }

  private Map<String, Object> object() {
    Lost lost = column.objects().get(index);
    Localization localization = column.localization(index);
    int[] colors = new int[grid().patches()];
    Arrays.fill(colors, -1);
    lost.object().forEach(patch -> colors[patch] = OBJECT);
    List<Map<String, Object>> frames = new ArrayList<>();
    frames.add(frame("seed", lost.seed(), "seed"));
    localization.truth().forEach(box -> frames.add(frame("truth", box, "annotated")));
    localization.box().ifPresent(box -> frames.add(frame("box", box, "object")));
    String found = localization.box().isPresent() ? "object" : "no object";
    return figure(
        "object",
        found + (localization.truth().isEmpty() ? "" : overlap(localization)),
        "mix",
        List.of(DataUri.colors(grid(), colors)),
        frames,
        List.of());
  }

  private static String overlap(Localization localization) {
    return String.format(Locale.ROOT, ", overlap %.2f", localization.overlap());
  }

  /**
   * A row for CLS and every register in every block: a map of each head, as many as the network
   * has.
   */
  List<Map<String, Object>> heads() {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (int block : maps().blocks()) {
      for (int query = 0; query <= maps().registers(); query++) {
        List<String> row = new ArrayList<>();
        for (int head = 0; head < maps().heads(); head++) {
          float[] map = kept(maps().head(block, head, query));
          row.add(DataUri.heat(grid(), map, 0, most(map)));
        }
        rows.add(Map.of("label", "block " + block + ", " + token(query), "maps", row));
      }
    }
    return rows;
  }

  private float[] kept(float[] map) {
    return column.settings().attention().kept(map);
  }

  private AttentionMaps maps() {
    return column.attention().get(index);
  }

  private PatchGrid grid() {
    return maps().grid();
  }

  private static double most(float[] values) {
    double most = 0;
    for (float value : values) {
      most = Math.max(most, value);
    }
    return most;
  }

  /**
   * A figure as the page's template wants it.
   *
   * @param overlay no or one picture
   * @param rectangles frames
   * @param bar no or one legend
   */
  private static Map<String, Object> figure(
      String kind,
      String label,
      String style,
      List<String> overlay,
      List<Map<String, Object>> rectangles,
      List<Map<String, Object>> bar) {
    return Map.of(
        "kind", kind,
        "label", label,
        "style", style,
        "overlay", overlay,
        "rectangles", rectangles,
        "bar", bar);
  }

  private static List<Map<String, Object>> bar(double least, double most) {
    float[] ramp = new float[BAR];
    for (int i = 0; i < BAR; i++) {
      ramp[i] = i;
    }
    String colors = DataUri.heat(new PatchGrid(1, BAR), ramp, 0, BAR - 1);
    return List.of(Map.of("least", label(least), "most", label(most), "colors", colors));
  }

  private static String label(double value) {
    boolean small = value > 0 && value < 1;
    return String.format(Locale.ROOT, small ? "%.2g" : "%.0f", value);
  }

  private Map<String, Object> frame(String kind, int patch, String title) {
    int x = grid().column(patch);
    int y = grid().row(patch);
    return frame(kind, new Box(x, y, x + 1, y + 1), title);
  }

  private static Map<String, Object> frame(String kind, Box box, String title) {
    return Map.of(
        "kind",
        kind,
        "x",
        box.left(),
        "y",
        box.top(),
        "width",
        box.right() - box.left(),
        "height",
        box.bottom() - box.top(),
        "title",
        title);
  }
}
