package dev.fovea.bench.gpu;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.kernels.WeightStorage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The bits of one image's tokens, and of its CLS asked for alone, over runs, places in batches, and
 * sizes of batches.
 */
final class DeterminismStage implements Stage {

  private static final int RUNS = 5;

  @Override
  public String name() {
    return "determinism";
  }

  @Override
  public void run(Setting setting, Results results) {
    int pixels = setting.scale().parity().getFirst();
    int most =
        setting.scale().forwards().stream().mapToInt(Scale.Batch::images).max().orElseThrow();
    for (ModelSize model : setting.models()) {
      for (WeightStorage precision : Setting.PRECISIONS) {
        if (setting.late()) {
          return;
        }
        try (Fovea fovea = ModelsStage.open(model, setting.gpu().device(), precision, "auto")) {
          Map<String, Object> keys =
              Results.row(
                  "model",
                  model.name(),
                  "pixels",
                  pixels,
                  "precision",
                  Setting.precision(precision));
          for (Feature feature : List.of(Feature.TOKENS, Feature.CLS)) {
            results.add(
                Results.joined(
                    keys,
                    Results.row("output", feature.name().toLowerCase(Locale.ROOT)),
                    check(fovea, feature, pixels, most)));
          }
        }
      }
    }
  }

  /** The image among others, as often as {@code most} allows, which doubles from batch to batch. */
  private static Map<String, Object> check(Fovea fovea, Feature feature, int pixels, int most) {
    Image image = ModelsStage.image("first", pixels);
    Image other = ModelsStage.image("second", pixels);
    float[] expected = outputs(fovea, feature, List.of(image)).getFirst();
    List<String> differences = new ArrayList<>();
    for (int run = 1; run <= RUNS; run++) {
      if (!Arrays.equals(expected, outputs(fovea, feature, List.of(image)).getFirst())) {
        differences.add("run " + run);
      }
    }
    for (int batch = 2; batch <= Math.max(2, most); batch *= 2) {
      List<Image> images = new ArrayList<>(Collections.nCopies(batch, other));
      int[] places = {0, batch / 2, batch - 1};
      for (int place : places) {
        images.set(place, image);
      }
      List<float[]> outputs = outputs(fovea, feature, images);
      for (int place : places) {
        if (!Arrays.equals(expected, outputs.get(place))) {
          differences.add("place %d of %d".formatted(place, batch));
        }
      }
    }
    return Results.row("differences", differences, "pass", differences.isEmpty());
  }

  private static List<float[]> outputs(Fovea fovea, Feature feature, List<Image> images) {
    return fovea.featuresAll(images, FeatureRequest.of(feature)).stream()
        .map(features -> features.get(feature))
        .toList();
  }
}
