package dev.fovea.probes;

import dev.fovea.Feature;
import dev.fovea.Features;
import java.util.Arrays;
import java.util.List;

/** Numbers in row-major order, and how they are arranged. */
record Tensor(List<Long> shape, float[] values) {

  static Tensor of(Features features, Feature feature) {
    int[] shape = features.layout().shape(feature);
    return new Tensor(Arrays.stream(shape).asLongStream().boxed().toList(), features.get(feature));
  }
}
