package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.WeightStorage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The same image gives the same bits, whatever happens around it. */
@EveryKernel
class BitIdentityTest {

  private static final String MODEL = "synthetic:tiny-reg4";

  private static final FeatureRequest TOKENS =
      FeatureRequest.of(Feature.TOKENS, Feature.ATTENTION, Feature.KEYS, Feature.EMBEDDING)
          .withPooling(Pooling.CLS_MEAN, true);

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 7, 16})
  void anyNumberOfThreadsGivesTheSameBits(int threads) {
    Image image = image(1, 98, 56);
    assertThat(run(Options.DEFAULT.withThreads(threads), image))
        .containsExactly(run(Options.DEFAULT.withThreads(1), image));
  }

  @ParameterizedTest
  @EnumSource(WeightStorage.class)
  void everyPlaceInABatchGivesTheSameBits(WeightStorage storage) {
    List<Image> batch = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      batch.add(image(i, 70, 84));
    }
    try (Fovea model = Fovea.open(MODEL, Options.DEFAULT.withStorage(storage).withThreads(2))) {
      List<Features> together = model.featuresAll(batch, TOKENS);
      for (int i = 0; i < batch.size(); i++) {
        float[] alone = bits(model.features(batch.get(i), TOKENS));
        assertThat(bits(together.get(i))).as("image %d", i).containsExactly(alone);
      }
    }
  }

  @Test
  void imagesOfDifferentSizesCanBeMixed() {
    List<Image> images =
        List.of(image(1, 70, 84), image(2, 70, 84), image(3, 28, 42), image(4, 70, 84));
    try (Fovea model = Fovea.open(MODEL)) {
      List<float[]> together = model.embedAll(images);
      for (int i = 0; i < images.size(); i++) {
        assertThat(together.get(i)).containsExactly(model.embed(images.get(i)));
      }
    }
  }

  @Test
  void firstAndThousandthCallGiveTheSameBits() {
    Image image = image(1, 56, 56);
    try (Fovea model = Fovea.open(MODEL)) {
      float[] first = bits(model.features(image, TOKENS));
      for (int i = 2; i < 1000; i++) {
        model.features(image, TOKENS);
      }
      assertThat(bits(model.features(image, TOKENS))).containsExactly(first);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Feature.class,
      names = {"BLOCKS", "BLOCK_CLS", "PREFIX_ATTENTION", "HIDDEN"},
      mode = EnumSource.Mode.EXCLUDE)
  void aRequestForOneFeatureGivesTheBitsOfARequestForAll(Feature feature) {
    Image image = image(1, 70, 98);
    FeatureRequest all =
        new FeatureRequest(
            EnumSet.allOf(Feature.class),
            List.of(0, 1),
            List.of(0, 1),
            List.of(0, 1),
            Pooling.MEAN,
            false,
            null);
    try (Fovea model = Fovea.open(MODEL)) {
      FeatureRequest alone = FeatureRequest.of(feature).withPooling(Pooling.MEAN, false);
      assertThat(model.features(image, alone).get(feature))
          .containsExactly(model.features(image, all).get(feature));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aRequestForOneBlockGivesTheBitsOfARequestForAll(int block) {
    Image image = image(1, 70, 98);
    try (Fovea model = Fovea.open(MODEL)) {
      float[] both =
          model
              .features(image, FeatureRequest.of(Feature.CLS).withAllBlocks(2))
              .get(Feature.BLOCKS);
      float[] one = model.features(image, FeatureRequest.ofBlocks(block)).get(Feature.BLOCKS);
      assertThat(one)
          .containsExactly(Arrays.copyOfRange(both, block * one.length, (block + 1) * one.length));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aRequestForOneBlocksAttentionGivesTheBitsOfARequestForAll(int block) {
    Image image = image(1, 70, 98);
    try (Fovea model = Fovea.open(MODEL)) {
      FeatureRequest all =
          FeatureRequest.of(Feature.TOKENS, Feature.ATTENTION).withPrefixAttention(0, 1);
      float[] both = model.features(image, all).get(Feature.PREFIX_ATTENTION);
      float[] one =
          model
              .features(image, FeatureRequest.ofPrefixAttention(block))
              .get(Feature.PREFIX_ATTENTION);
      assertThat(one)
          .containsExactly(Arrays.copyOfRange(both, block * one.length, (block + 1) * one.length));
    }
  }

  private static float[] run(Options options, Image image) {
    try (Fovea model = Fovea.open(MODEL, options)) {
      return bits(model.features(image, TOKENS));
    }
  }

  /** All outputs one after another. AssertJ compares floats by their bits. */
  private static float[] bits(Features features) {
    List<float[]> parts = TOKENS.features().stream().map(features::get).toList();
    float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int end = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, end, part.length);
      end += part.length;
    }
    return all;
  }

  private static Image image(int seed, int height, int width) {
    return Image.planes(
        width, height, SyntheticCheckpoint.uniform("image", seed, 3 * height * width));
  }
}
