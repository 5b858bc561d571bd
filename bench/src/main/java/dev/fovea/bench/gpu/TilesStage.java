package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.Workbench;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Times all tiles of every product, and writes which is fastest into tiles.csv. */
final class TilesStage implements Stage {

  private static final int USUAL_TOKENS = 261;

  /** There are many, and a tile that is right by a percent is right enough. */
  private static final double SHARE_OF_A_ROW = 0.25;

  @Override
  public String name() {
    return "tiles";
  }

  /** Precisions have the same tiles and the same speed, so one is timed. */
  @Override
  public void run(Setting setting, Results results) {
    Path file = setting.folder().resolve("tiles.csv");
    Set<String> lines = new LinkedHashSet<>();
    lines.add(Workbench.TILE_TABLE_HEADING);
    for (ModelSize model : setting.models()) {
      try (Workbench bench = setting.gpu().workbench(WeightStorage.F16, "auto")) {
        for (ModelSize.Product product : model.products()) {
          for (int rows : setting.scale().tileRows()) {
            if (!setting.late()) {
              Map<String, Object> row = time(bench, product, rows, setting.scale());
              results.add(Results.joined(Results.row("model", model.name()), row));
              lines.add(
                  "%d,%d,%d,%d,%s"
                      .formatted(
                          rows,
                          product.columns(),
                          product.depth(),
                          bench.facts().processors(),
                          row.get("fastest")));
              Results.write(file, String.join("\n", lines) + "\n");
            }
          }
        }
      }
    }
  }

  private static Map<String, Object> time(
      Workbench bench, ModelSize.Product product, int rows, Scale scale) {
    // All images are alike, so that many rows need no more numbers than one image.
    int tokens = rows % USUAL_TOKENS == 0 ? USUAL_TOKENS : rows;
    Verb verb = Verbs.product(product, new Batch(0, rows / tokens), tokens);
    double seconds = SHARE_OF_A_ROW * scale.rowSeconds();
    bench.useTile(null);
    Map<String, Double> milliseconds = new TreeMap<>();
    double chosen = VerbTimer.time(bench, verb, scale, seconds).median();
    String estimated = bench.tile();
    milliseconds.put(estimated, chosen);
    for (String tile : bench.tiles()) {
      if (!tile.equals(estimated)) {
        bench.useTile(tile);
        milliseconds.put(tile, VerbTimer.time(bench, verb, scale, seconds).median());
      }
    }
    String fastest =
        milliseconds.entrySet().stream().min(Map.Entry.comparingByValue()).orElseThrow().getKey();
    Map<String, Object> row = NormLinearVerb.keys(product, rows);
    row.putAll(
        Results.row(
            "estimated",
            estimated,
            "fastest",
            fastest,
            "milliseconds_by_tile",
            milliseconds,
            "teraflops",
            verb.operations() / milliseconds.get(fastest) / 1e9));
    return row;
  }
}
