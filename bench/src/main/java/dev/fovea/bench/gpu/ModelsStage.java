package dev.fovea.bench.gpu;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Parity;
import dev.fovea.Parity.Difference;
import dev.fovea.Preprocessing;
import dev.fovea.kernels.WeightStorage;
import java.util.List;
import java.util.Map;

/** Whole networks beside the CPU, block by block. */
final class ModelsStage implements Stage {

  /** Pixels as they are. */
  private static final Preprocessing PLAIN = Preprocessing.DINOV2.withSize(0, 0, 0);

  @Override
  public String name() {
    return "models";
  }

  @Override
  public void run(Setting setting, Results results) {
    for (ModelSize model : setting.models()) {
      if (setting.late()) {
        return;
      }
      try (Fovea cpu = open(model, "cpu", WeightStorage.F32)) {
        for (WeightStorage precision : Setting.PRECISIONS) {
          try (Fovea gpu = open(model, setting.gpu().device(), precision)) {
            for (int pixels : setting.scale().parity()) {
              if (!setting.late()) {
                results.add(compare(cpu, gpu, model, precision, pixels));
              }
            }
          }
        }
      }
    }
  }

  /** A synthetic model that takes images of any size as they are. */
  static Fovea open(ModelSize model, String device, WeightStorage storage) {
    return Fovea.open(
        model.checkpoint(),
        Options.DEFAULT.withDevice(device).withStorage(storage).withPreprocessing(PLAIN));
  }

  /** A square image of noise. */
  static Image image(String name, int pixels) {
    return Image.rgb(pixels, pixels, Numbers.bytes(name, 3 * pixels * pixels));
  }

  private static Map<String, Object> compare(
      Fovea cpu, Fovea gpu, ModelSize model, WeightStorage precision, int pixels) {
    List<Image> images = List.of(image("first", pixels), image("second", pixels));
    Parity parity = Parity.between(cpu, gpu, images);
    List<String> violations = parity.violations(Parity.Limits.of(precision));
    Map<String, Difference> differences = parity.differences();
    List<Object> blocks =
        differences.entrySet().stream()
            .filter(entry -> entry.getKey().startsWith("block "))
            .<Object>map(entry -> entry.getValue().relativeL2())
            .toList();
    return Results.row(
        "model",
        model.name(),
        "pixels",
        pixels,
        "precision",
        Setting.precision(precision),
        "cls_cosine",
        differences.get(Parity.CLS).lowestCosine(),
        "worst_patch_cosine",
        differences.get(Parity.PATCHES).lowestCosine(),
        "relative_l2",
        differences.get(Parity.TOKENS).relativeL2(),
        "block_relative_l2",
        blocks,
        "violations",
        violations,
        "pass",
        violations.isEmpty());
  }
}
