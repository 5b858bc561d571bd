package dev.fovea.bench.gpu;

import dev.fovea.kernels.WeightStorage;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

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

  /** A precision as rows have it. */
  static String precision(WeightStorage storage) {
    return storage.name().toLowerCase(Locale.ROOT);
  }
}
