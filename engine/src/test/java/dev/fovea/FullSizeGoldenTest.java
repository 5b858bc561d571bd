package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.kernels.Pooling;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Models of published sizes against the float64 reference: some token rows, CLS after the first,
 * middle and last block, the attention of CLS, the mean of the patches. Tolerances as in {@link
 * TinyGoldenTest}.
 */
class FullSizeGoldenTest {

  @ParameterizedTest
  @CsvSource({
    "small-reg0, 224x224, 5e-6",
    "small-reg4, 224x224, 5e-6",
    "small-reg4, 448x252, 5e-6",
    "small-reg4, 518x518, 2e-6",
    "base-reg4, 224x224, 5e-6",
    "large-reg4, 224x224, 5e-6"
  })
  void modelEqualsTheReference(String model, String size, double tolerance) {
    int height = Integer.parseInt(size.substring(0, 3));
    int width = Integer.parseInt(size.substring(4));
    try (Fovea fovea = Fovea.open("synthetic:" + model.replace("-reg0", "") + "@1");
        Checkpoint golden = Golden.open("full/full-" + model + "-" + size + "-seed1.safetensors")) {
      int depth = fovea.config().depth();
      FeatureRequest request =
          FeatureRequest.of(
                  Feature.EMBEDDING, Feature.TOKENS, Feature.PRENORM_TOKENS, Feature.CLS_ATTENTION)
              .withPooling(Pooling.MEAN, false)
              .withBlocks(0, depth / 2, depth - 1);
      Features features = fovea.features(image(height, width), request);
      int tokens = features.layout().shape(Feature.TOKENS)[0];

      int prefix = fovea.config().prefix();
      int[] rows =
          IntStream.concat(
                  IntStream.range(0, prefix + 2),
                  IntStream.of(prefix + (tokens - prefix) / 2, tokens - 1))
              .toArray();
      check(rows(features, Feature.TOKENS, rows), golden, "tokens_norm_rows", tolerance);
      check(rows(features, Feature.PRENORM_TOKENS, rows), golden, "tokens_prenorm_rows", tolerance);
      int[] cls = {0, tokens, 2 * tokens};
      check(rows(features, Feature.BLOCKS, cls), golden, "blocks_cls", tolerance);
      check(features.get(Feature.CLS_ATTENTION), golden, "cls_attention_last", tolerance);
      check(features.get(Feature.EMBEDDING), golden, "patch_mean_norm", tolerance);
    }
  }

  private static Image image(int height, int width) {
    float[] samples =
        SyntheticCheckpoint.uniform("image" + height + "x" + width, 1, 3 * height * width);
    for (int i = 0; i < samples.length; i++) {
      samples[i] *= 2;
    }
    return Image.planes(width, height, samples);
  }

  private static float[] rows(Features features, Feature feature, int... rows) {
    float[] all = features.get(feature);
    int[] shape = features.layout().shape(feature);
    int width = shape[shape.length - 1];
    float[] selected = new float[rows.length * width];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(all, rows[i] * width, selected, i * width, width);
    }
    return selected;
  }

  private static void check(float[] got, Checkpoint golden, String tensor, double tolerance) {
    assertThat(Golden.relativeError(got, Golden.read(golden, tensor)))
        .as(tensor)
        .isLessThanOrEqualTo(tolerance);
  }
}
