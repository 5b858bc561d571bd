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
import java.util.Map;

/** The bits of one image's tokens over runs, places in batches, and sizes of batches. */
final class DeterminismStage implements Stage {

  private static final FeatureRequest REQUEST = FeatureRequest.of(Feature.TOKENS, Feature.CLS);
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
          results.add(Results.joined(keys, check(fovea, pixels, most)));
        }
      }
    }
  }

  /** The image among others, as often as {@code most} allows, which doubles from batch to batch. */
  private static Map<String, Object> check(Fovea fovea, int pixels, int most) {
    Image image = ModelsStage.image("first", pixels);
    Image other = ModelsStage.image("second", pixels);
    float[] expected = tokens(fovea, List.of(image)).getFirst();
    List<String> differences = new ArrayList<>();
    for (int run = 1; run <= RUNS; run++) {
      if (!Arrays.equals(expected, tokens(fovea, List.of(image)).getFirst())) {
        differences.add("run " + run);
      }
    }
    for (int batch = 2; batch <= Math.max(2, most); batch *= 2) {
      List<Image> images = new ArrayList<>(Collections.nCopies(batch, other));
      int[] places = {0, batch / 2, batch - 1};
      for (int place : places) {
        images.set(place, image);
      }
      List<float[]> tokens = tokens(fovea, images);
      for (int place : places) {
        if (!Arrays.equals(expected, tokens.get(place))) {
          differences.add("place %d of %d".formatted(place, batch));
        }
      }
    }
    float[] cls = fovea.features(image, FeatureRequest.of(Feature.CLS)).get(Feature.CLS);
    if (!Arrays.equals(cls, Arrays.copyOf(expected, cls.length))) {
      differences.add("CLS asked for alone");
    }
    return Results.row("differences", differences, "pass", differences.isEmpty());
  }

  private static List<float[]> tokens(Fovea fovea, List<Image> images) {
    return fovea.featuresAll(images, REQUEST).stream()
        .map(features -> features.get(Feature.TOKENS))
        .toList();
  }
}
