package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What can be asked of the middle of the network, against plain loops over the weights in float64:
 * projected patches, attention of CLS and registers in any block, queries, keys and values.
 *
 * <p>Tolerance as in {@link TinyGoldenTest}: 5e-6, the inputs of a block being float32 themselves.
 */
@EveryKernel
class EarlyFeaturesTest {

  private static final String MODEL = "synthetic:tiny-reg4";
  private static final String GOLDEN = "tiny-reg4/golden-70x70-size-antialias.safetensors";
  private static final double TOLERANCE = 5e-6;
  private static final int WIDTH = 128;
  private static final int HEADS = 2;
  private static final int PREFIX = 5;

  private static final FeatureRequest EARLY =
      FeatureRequest.of(Feature.QUERIES, Feature.KEYS, Feature.VALUES, Feature.PATCH_EMBEDDINGS)
          .withBlocks(0)
          .withPrefixAttention(0, 1);

  @Test
  void patchEmbeddingsAreProjectedPatchesWithoutPositions() {
    try (Fovea model = Fovea.open(MODEL);
        Checkpoint golden = Golden.open(GOLDEN);
        VitWeights weights = weights()) {
      Image.Planes image = (Image.Planes) Golden.image(golden);
      float[] kernel = weights.read("patch_embed.proj.weight");
      float[] bias = weights.read("patch_embed.proj.bias");
      double[] expected = new double[25 * WIDTH];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = bias[i % WIDTH];
        for (int k = 0; k < 3 * 14 * 14; k++) {
          int y = i / WIDTH / 5 * 14 + k % 196 / 14;
          int x = i / WIDTH % 5 * 14 + k % 14;
          expected[i] +=
              (double) kernel[i % WIDTH * 588 + k]
                  * image.samples()[k / 196 * 70 * 70 + y * 70 + x];
        }
      }
      FeatureRequest alone = FeatureRequest.of(Feature.PATCH_EMBEDDINGS);
      assertClose(model.features(image, alone).get(Feature.PATCH_EMBEDDINGS), expected);
      assertThat(model.features(image, EARLY).get(Feature.PATCH_EMBEDDINGS))
          .containsExactly(model.features(image, alone).get(Feature.PATCH_EMBEDDINGS));
    }
  }

  @Test
  void attentionOfEveryBlockEqualsPlainSoftmaxOfItsInput() {
    try (Fovea model = Fovea.open(MODEL);
        Checkpoint golden = Golden.open(GOLDEN);
        VitWeights weights = weights()) {
      Features features = model.features(Golden.image(golden), EARLY);
      float[] attention = features.get(Feature.PREFIX_ATTENTION);
      assertThat(features.layout().shape(Feature.PREFIX_ATTENTION)).containsExactly(2, 2, 5, 30);
      double[] first = queriesKeysValues(weights, 0, Golden.read(golden, "embedded"));
      double[] second = queriesKeysValues(weights, 1, features.get(Feature.BLOCKS));
      int half = attention.length / 2;
      assertClose(Arrays.copyOf(attention, half), prefixAttention(first));
      assertClose(Arrays.copyOfRange(attention, half, 2 * half), prefixAttention(second));
    }
  }

  @Test
  void queriesKeysAndValuesAreThoseOfTheLastBlock() {
    try (Fovea model = Fovea.open(MODEL);
        Checkpoint golden = Golden.open(GOLDEN);
        VitWeights weights = weights()) {
      Features features = model.features(Golden.image(golden), EARLY);
      double[] qkv = queriesKeysValues(weights, 1, features.get(Feature.BLOCKS));
      List<Feature> thirds = List.of(Feature.QUERIES, Feature.KEYS, Feature.VALUES);
      for (int third = 0; third < 3; third++) {
        double[] expected = new double[30 * WIDTH];
        for (int i = 0; i < expected.length; i++) {
          expected[i] = qkv[i / WIDTH * 3 * WIDTH + third * WIDTH + i % WIDTH];
        }
        assertClose(features.get(thirds.get(third)), expected);
      }
    }
  }

  @Test
  void theLastBlocksPrefixAttentionIsThatOfClsAndRegisters() {
    FeatureRequest both =
        FeatureRequest.of(Feature.CLS_ATTENTION, Feature.REGISTER_ATTENTION).withPrefixAttention(1);
    try (Fovea model = Fovea.open(MODEL);
        Checkpoint golden = Golden.open(GOLDEN)) {
      Features features = model.features(Golden.image(golden), both);
      float[] prefix = features.get(Feature.PREFIX_ATTENTION);
      float[] cls = features.get(Feature.CLS_ATTENTION);
      float[] registers = features.get(Feature.REGISTER_ATTENTION);
      for (int head = 0; head < HEADS; head++) {
        int from = head * PREFIX * 30;
        assertThat(Arrays.copyOfRange(prefix, from, from + 30))
            .containsExactly(Arrays.copyOfRange(cls, head * 30, head * 30 + 30));
        assertThat(Arrays.copyOfRange(prefix, from + 30, from + 150))
            .containsExactly(Arrays.copyOfRange(registers, head * 120, head * 120 + 120));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 2})
  void blocksThatTheModelHasNotAreRefused(int block) {
    Image image = Image.planes(14, 14, new float[3 * 14 * 14]);
    try (Fovea model = Fovea.open(MODEL)) {
      assertThatThrownBy(() -> model.features(image, FeatureRequest.ofPrefixAttention(block)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("block " + block + " does not exist");
    }
  }

  private static VitWeights weights() {
    return VitWeights.of(new SyntheticCheckpoint(MODEL), null, null, null);
  }

  /** LayerNorm and the qkv matrix of a block, [tokens, 3 D]. */
  private static double[] queriesKeysValues(VitWeights weights, int block, float[] x) {
    String name = "blocks." + block + ".";
    float[] gain = weights.read(name + "norm1.weight");
    float[] shift = weights.read(name + "norm1.bias");
    float[] matrix = weights.read(name + "attn.qkv.weight");
    float[] bias = weights.read(name + "attn.qkv.bias");
    double[] result = new double[3 * x.length];
    for (int token = 0; token < x.length / WIDTH; token++) {
      double mean = 0;
      double squares = 0;
      for (int c = 0; c < WIDTH; c++) {
        mean += x[token * WIDTH + c] / (double) WIDTH;
      }
      for (int c = 0; c < WIDTH; c++) {
        squares += Math.pow(x[token * WIDTH + c] - mean, 2) / WIDTH;
      }
      for (int out = 0; out < 3 * WIDTH; out++) {
        double sum = bias[out];
        for (int c = 0; c < WIDTH; c++) {
          double normed = (x[token * WIDTH + c] - mean) / Math.sqrt(squares + 1e-6);
          sum += (normed * gain[c] + shift[c]) * matrix[out * WIDTH + c];
        }
        result[token * 3 * WIDTH + out] = sum;
      }
    }
    return result;
  }

  /** Softmax of the scaled scores of CLS and registers, [heads, prefix, tokens]. */
  private static double[] prefixAttention(double[] qkv) {
    int tokens = qkv.length / 3 / WIDTH;
    int d = WIDTH / HEADS;
    double[] result = new double[HEADS * PREFIX * tokens];
    for (int row = 0; row < HEADS * PREFIX; row++) {
      int head = row / PREFIX;
      double sum = 0;
      for (int key = 0; key < tokens; key++) {
        double score = 0;
        for (int c = head * d; c < (head + 1) * d; c++) {
          score += qkv[row % PREFIX * 3 * WIDTH + c] * qkv[key * 3 * WIDTH + WIDTH + c];
        }
        result[row * tokens + key] = Math.exp(score / Math.sqrt(d));
        sum += result[row * tokens + key];
      }
      for (int key = 0; key < tokens; key++) {
        result[row * tokens + key] /= sum;
      }
    }
    return result;
  }

  private static void assertClose(float[] got, double[] want) {
    assertThat(got).hasSameSizeAs(want);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < got.length; i++) {
      difference += Math.pow(got[i] - want[i], 2);
      norm += Math.pow(want[i], 2);
    }
    assertThat(Math.sqrt(difference / norm)).isLessThanOrEqualTo(TOLERANCE);
  }
}
