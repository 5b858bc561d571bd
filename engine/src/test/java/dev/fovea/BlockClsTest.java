package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.kernels.Pooling;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** CLS of intermediate blocks as heads on several blocks read it. */
@EveryKernel
class BlockClsTest {

  private static final String MODEL = "synthetic:tiny-reg4";
  private static final int WIDTH = 128;
  private static final int DEPTH = 2;

  private final Image image =
      Image.planes(98, 70, SyntheticCheckpoint.uniform("image", 1, 3 * 98 * 70));

  @Test
  void theyAreClsOfTheBlocksThroughTheFinalLayerNorm() {
    try (Fovea model = Fovea.open(MODEL)) {
      FeatureRequest request =
          FeatureRequest.of(Feature.CLS).withAllBlocks(DEPTH).withBlockCls(0, 1);
      Features features = model.features(image, request);
      float[] blocks = features.get(Feature.BLOCKS);
      float[] normed = features.get(Feature.BLOCK_CLS);
      assertThat(features.layout().shape(Feature.BLOCK_CLS)).containsExactly(DEPTH, WIDTH);
      for (int block = 0; block < DEPTH; block++) {
        int start = block * (blocks.length / DEPTH);
        double[] expected = layerNorm(Arrays.copyOfRange(blocks, start, start + WIDTH));
        for (int channel = 0; channel < WIDTH; channel++) {
          // Values are of order 1; float32 rounds mean, variance and three products.
          assertThat((double) normed[block * WIDTH + channel])
              .isCloseTo(expected[channel], Offset.offset(2e-6));
        }
      }
    }
  }

  /** In float64, with the model's own weights. */
  private static double[] layerNorm(float[] row) {
    float[] weight = tensor("norm.weight");
    float[] bias = tensor("norm.bias");
    double mean = 0;
    for (float value : row) {
      mean += value / (double) WIDTH;
    }
    double variance = 0;
    for (float value : row) {
      variance += (value - mean) * (value - mean) / WIDTH;
    }
    double[] result = new double[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
      result[i] = (row[i] - mean) / Math.sqrt(variance + 1e-6) * weight[i] + bias[i];
    }
    return result;
  }

  private static float[] tensor(String name) {
    float[] values = new float[WIDTH];
    new SyntheticCheckpoint(MODEL).read(name, 0, values, 0, WIDTH);
    return values;
  }

  @Test
  void ofTheLastBlockItIsTheFinishedClsInEveryBit() {
    try (Fovea model = Fovea.open(MODEL)) {
      float[] cls = model.features(image, FeatureRequest.of(Feature.CLS)).get(Feature.CLS);
      FeatureRequest alone =
          new FeatureRequest(
              EnumSet.of(Feature.BLOCK_CLS),
              List.of(DEPTH - 1),
              List.of(),
              List.of(),
              Pooling.CLS,
              false,
              null);
      assertThat(model.features(image, alone).get(Feature.BLOCK_CLS)).containsExactly(cls);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aRequestForOneBlockGivesTheBitsOfARequestForAll(int block) {
    try (Fovea model = Fovea.open(MODEL)) {
      float[] all =
          model
              .features(
                  image,
                  FeatureRequest.embedding(Pooling.MEAN, false)
                      .withAllBlocks(DEPTH)
                      .withBlockCls(0, 1))
              .get(Feature.BLOCK_CLS);
      FeatureRequest alone =
          new FeatureRequest(
              EnumSet.of(Feature.BLOCK_CLS),
              List.of(block),
              List.of(),
              List.of(),
              Pooling.CLS,
              false,
              null);
      assertThat(model.features(image, alone).get(Feature.BLOCK_CLS))
          .containsExactly(Arrays.copyOfRange(all, block * WIDTH, (block + 1) * WIDTH));
    }
  }

  @Test
  void otherOutputsHaveTheSameBitsBesideIt() {
    FeatureRequest tokens = FeatureRequest.of(Feature.TOKENS);
    try (Fovea model = Fovea.open(MODEL)) {
      assertThat(model.features(image, tokens.withBlockCls(0, 1)).get(Feature.TOKENS))
          .containsExactly(model.features(image, tokens).get(Feature.TOKENS));
    }
  }

  @Test
  void blocksMustBeNamed() {
    assertThatThrownBy(() -> FeatureRequest.of(Feature.BLOCK_CLS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("withBlockCls");
  }
}
