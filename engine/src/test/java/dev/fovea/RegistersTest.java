package dev.fovea;

import static dev.fovea.TestRegisters.NEURONS;
import static dev.fovea.TestRegisters.bias;
import static dev.fovea.TestRegisters.image;
import static dev.fovea.TestRegisters.register;
import static dev.fovea.TestRegisters.uniform;
import static dev.fovea.TestRegisters.weights;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.PlainVit.Hooks;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.VitWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Everything that can stand in the place of registers: against the reference's outputs, and against
 * {@link PlainVit}.
 *
 * <p>Tolerance: float32 differs from float64 by less than 2e-6 on the stored grid, and by 5e-6
 * elsewhere ({@link TinyGoldenTest}). A product of an activation that was moved is one among
 * hundreds, so changes of registers add nothing to that.
 */
@EveryKernel
class RegistersTest {

  private static final double TOLERANCE = 5e-6;
  private static final double STORED_GRID_TOLERANCE = 2e-6;
  private static final int WIDTH = TestRegisters.WIDTH;

  private static final TestTimeRegister PLANTED =
      new TestTimeRegister(List.of(new RegisterNeuron(1, 37)), TestTimeRegister.Form.PAPER, null);

  private static final FeatureRequest TOKENS =
      FeatureRequest.of(Feature.TOKENS, Feature.PRENORM_TOKENS);

  @Test
  void withATestTimeRegisterTheResultIsTheReferencesForEveryImageOfABatch() {
    List<Image> images =
        List.of(PlantedOutliers.image(), image(1, 112), PlantedOutliers.image(), image(2, 112));
    try (Fovea asked = PlantedOutliers.open();
        Fovea opened = PlantedOutliers.open(Options.DEFAULT.withRegisters(PLANTED))) {
      assertThat(opened.config().registers()).isEqualTo(1);
      List<Features> all = asked.featuresAll(images, TOKENS.withRegisters(PLANTED));
      checkPlanted(all.get(0));
      checkPlanted(all.get(2));
      checkPlanted(opened.features(images.getFirst(), TOKENS));
    }
  }

  /** The reference has the register in its last row. */
  private static void checkPlanted(Features features) {
    try (Checkpoint golden = PlantedOutliers.golden()) {
      float[] tokens = registerLast(features.get(Feature.TOKENS));
      float[] before = registerLast(features.get(Feature.PRENORM_TOKENS));
      Golden.check(tokens, golden, "ttr_tokens_norm", TOLERANCE);
      Golden.check(before, golden, "ttr_tokens_prenorm", TOLERANCE);
      double[] norms = norms(before);
      assertThat(norms[norms.length - 1]).isGreaterThan(100);
      assertThat(Arrays.stream(norms).limit(norms.length - 1).max().orElseThrow()).isLessThan(25);
    }
  }

  private static float[] registerLast(float[] tokens) {
    float[] moved = new float[tokens.length];
    System.arraycopy(tokens, 0, moved, 0, WIDTH);
    System.arraycopy(tokens, 2 * WIDTH, moved, WIDTH, tokens.length - 2 * WIDTH);
    System.arraycopy(tokens, WIDTH, moved, tokens.length - WIDTH, WIDTH);
    return moved;
  }

  private static double[] norms(float[] tokens) {
    double[] norms = new double[tokens.length / WIDTH];
    for (int i = 0; i < tokens.length; i++) {
      norms[i / WIDTH] = Math.hypot(norms[i / WIDTH], tokens[i]);
    }
    return norms;
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny", "tiny-reg4", "tiny-swiglu-reg4"})
  void theRegisterTakesTheLargestActivationOfEveryNeuron(String model) {
    int row = 1 + trained(model);
    Hooks hooks =
        new Hooks() {
          @Override
          public void hidden(int block, double[][] hidden) {
            for (int column : columns(block)) {
              double maximum = Double.NEGATIVE_INFINITY;
              for (double[] token : hidden) {
                maximum = Math.max(maximum, token[column]);
                token[column] = 0;
              }
              hidden[row][column] = maximum;
            }
          }
        };
    compare(model, register(TestTimeRegister.Form.PAPER), trained(model), 1, hooks);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny", "tiny-reg4", "tiny-swiglu-reg4"})
  void inThePublishedFormItTakesTheLargestOfAllNeuronsAndClsKeepsItsOwn(String model) {
    int row = 1 + trained(model);
    Hooks hooks =
        new Hooks() {
          @Override
          public void hidden(int block, double[][] hidden) {
            double farthest = 0;
            for (int column : columns(block)) {
              for (double[] token : hidden) {
                farthest = Math.abs(token[column]) > Math.abs(farthest) ? token[column] : farthest;
              }
            }
            for (int column : columns(block)) {
              for (int token = 1; token < hidden.length; token++) {
                hidden[token][column] = token == row ? farthest : 0;
              }
            }
          }
        };
    compare(model, register(TestTimeRegister.Form.REPO), trained(model), 1, hooks);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny", "tiny-reg4", "tiny-swiglu-reg4"})
  void anAttentionBiasIsOneMoreKeyAndValueWhileTheNeuronsAreOff(String model) {
    AttentionBias bias = bias();
    Hooks hooks =
        new Hooks() {
          @Override
          public double[][] constant(int block) {
            return new double[][] {widened(bias.key(block)), widened(bias.value(block))};
          }

          @Override
          public void hidden(int block, double[][] hidden) {
            for (int column : columns(block)) {
              for (double[] token : hidden) {
                token[column] = 0;
              }
            }
          }
        };
    compare(model, bias, trained(model), 0, hooks);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 4})
  void theFirstRegistersAreThoseThatStay(int count) {
    compare("tiny-reg4", new Registers.First(count), count, 0, new Hooks() {});
  }

  @Test
  void zeroedRegistersAreZeroAfterEveryBlock() {
    compare("tiny-reg4", new Registers.Zeroed(), 4, 0, replaced(new float[2][4 * WIDTH]));
  }

  @Test
  void replacedRegistersHoldTheirContentsAfterEveryBlock() {
    float[][] contents = {uniform("a", 4 * WIDTH), uniform("b", 4 * WIDTH)};
    compare("tiny-swiglu-reg4", new RegisterContents(contents), 4, 0, replaced(contents));
  }

  private static Hooks replaced(float[][] contents) {
    return new Hooks() {
      @Override
      public void tokens(int block, double[][] x) {
        for (int i = 0; i < 4 * WIDTH; i++) {
          x[1 + i / WIDTH][i % WIDTH] = contents[block][i];
        }
      }
    };
  }

  private static int[] columns(int block) {
    return NEURONS.stream()
        .filter(neuron -> neuron.block() == block)
        .mapToInt(RegisterNeuron::index)
        .toArray();
  }

  private static int trained(String model) {
    return model.endsWith("reg4") ? 4 : 0;
  }

  /** Runs an image on the stored grid, and compares the tokens with those of the plain loops. */
  private static void compare(String model, Registers registers, int own, int zeros, Hooks hooks) {
    try (VitWeights weights = weights(model);
        Fovea fovea = Fovea.open("synthetic:" + model)) {
      PlainVit plain = new PlainVit(weights);
      double[][] expected = plain.run(image(1, 70), plain.registers(own, zeros), hooks);
      Features got = fovea.features(image(1, 70), TOKENS.withRegisters(registers));
      assertClose(got.get(Feature.PRENORM_TOKENS), expected);
      assertClose(got.get(Feature.TOKENS), plain.finish(expected));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-reg4", "tiny-swiglu-reg4"})
  void hiddenActivationsAndTheRegistersKeysAndValuesAreThoseOfThePlainLoops(String model) {
    List<double[]> hiddenRows = new ArrayList<>();
    List<double[]> keysAndValues = new ArrayList<>();
    Hooks hooks =
        new Hooks() {
          @Override
          public void qkv(int block, double[][] qkv) {
            for (int row = 1; row < 5; row++) {
              keysAndValues.add(Arrays.copyOfRange(qkv[row], WIDTH, 3 * WIDTH));
            }
          }

          @Override
          public void hidden(int block, double[][] hidden) {
            Stream.of(hidden).map(double[]::clone).forEach(hiddenRows::add);
          }
        };
    FeatureRequest request = FeatureRequest.of(Feature.REGISTER_KEYS_VALUES).withHidden(0, 1);
    try (VitWeights weights = weights(model);
        Fovea fovea = Fovea.open("synthetic:" + model)) {
      PlainVit plain = new PlainVit(weights);
      plain.run(image(1, 70), plain.registers(4, 0), hooks);
      Features got = fovea.features(image(1, 70), request);
      assertThat(got.layout().shape(Feature.HIDDEN))
          .containsExactly(2, 30, fovea.config().hidden());
      assertClose(got.get(Feature.HIDDEN), hiddenRows.toArray(double[][]::new));
      assertThat(got.layout().shape(Feature.REGISTER_KEYS_VALUES)).containsExactly(2, 4, 2 * WIDTH);
      assertClose(got.get(Feature.REGISTER_KEYS_VALUES), keysAndValues.toArray(double[][]::new));
    }
  }

  private static double[] widened(float[] values) {
    double[] result = new double[values.length];
    Arrays.setAll(result, i -> values[i]);
    return result;
  }

  private static void assertClose(float[] got, double[][] want) {
    double difference = 0;
    double norm = 0;
    assertThat(got).hasSize(want.length * want[0].length);
    for (int i = 0; i < got.length; i++) {
      double expected = want[i / want[0].length][i % want[0].length];
      difference += Math.pow(got[i] - expected, 2);
      norm += Math.pow(expected, 2);
    }
    assertThat(Math.sqrt(difference / norm)).isLessThanOrEqualTo(STORED_GRID_TOLERANCE);
  }
}
