package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.Workbench;
import java.util.List;
import java.util.Map;

/** Every verb, and every tile of it, beside float64. */
final class KernelsStage implements Stage {

  @Override
  public String name() {
    return "kernels";
  }

  @Override
  public void run(Setting setting, Results results) {
    for (WeightStorage precision : Setting.PRECISIONS) {
      for (ModelSize model : setting.models()) {
        try (Workbench bench = setting.gpu().workbench(precision, "auto")) {
          check(setting, bench, precision, model, results);
        }
      }
    }
  }

  private static void check(
      Setting setting, Workbench bench, WeightStorage precision, ModelSize model, Results results) {
    for (Batch batch : setting.scale().checked()) {
      for (Verb verb : Verbs.besideAttention(model, batch)) {
        check(setting, bench, precision, model, batch, verb, results);
      }
    }
    for (Batch batch : setting.scale().checkedAttention()) {
      AttentionVerb verb = new AttentionVerb(model, batch);
      check(setting, bench, precision, model, batch, verb, results);
    }
  }

  private static void check(
      Setting setting,
      Workbench bench,
      WeightStorage precision,
      ModelSize model,
      Batch batch,
      Verb verb,
      Results results) {
    if (setting.late()) {
      return;
    }
    KernelCheck check = new KernelCheck(bench, verb);
    Map<String, Object> keys =
        Results.row(
            "verb",
            verb.name(),
            "model",
            model.name(),
            "pixels",
            batch.pixels(),
            "batch",
            batch.images(),
            "precision",
            Setting.precision(precision));
    bench.useTile(null);
    Map<String, Object> chosen = check.run();
    if (!verb.isProduct()) {
      results.add(Results.joined(keys, chosen));
      return;
    }
    String own = bench.tile();
    List<String> tiles = bench.tiles();
    results.add(Results.joined(keys, Results.row("tile", own, "chosen", true), chosen));
    for (String tile : tiles) {
      if (!tile.equals(own)) {
        bench.useTile(tile);
        results.add(Results.joined(keys, Results.row("tile", tile), check.run()));
      }
    }
  }
}
