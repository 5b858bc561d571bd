package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.WeightStorage;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What all stages have in common.
 *
 * @param models in the order in which they are looked at
 * @param folder for files
 * @param deadline nanoseconds, as {@link System#nanoTime} has them
 */
record Setting(Gpu gpu, List<ModelSize> models, Scale scale, Path folder, long deadline) {

  /** What a GPU multiplies in. */
  static final List<WeightStorage> PRECISIONS = List.of(WeightStorage.F16, WeightStorage.BF16);

  /** Whether a stage should not begin anything new. */
  boolean late() {
    return System.nanoTime() - deadline >= 0;
  }

  /** What a row is about: model, size and number of images, precision. */
  static Map<String, Object> subject(ModelSize model, Batch batch, WeightStorage precision) {
    return Results.row(
        "model",
        model.name(),
        "pixels",
        batch.pixels(),
        "batch",
        batch.images(),
        "precision",
        precision(precision));
  }

  /** A precision as rows have it. */
  static String precision(WeightStorage storage) {
    return storage.name().toLowerCase(Locale.ROOT);
  }
}
