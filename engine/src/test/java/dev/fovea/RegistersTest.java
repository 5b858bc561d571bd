package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.PlainVit.Hooks;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Pooling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
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
  private static final int WIDTH = 128;

  private static final TestTimeRegister PLANTED =
      new TestTimeRegister(List.of(new RegisterNeuron(1, 37)), TestTimeRegister.Form.PAPER, null);

  private static final List<RegisterNeuron> NEURONS =
      List.of(
          new RegisterNeuron(1, 300),
          new RegisterNeuron(0, 3),
          new RegisterNeuron(1, 5),
          new RegisterNeuron(0, 343),
          new RegisterNeuron(0, 0));

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

  static Stream<Registers> kinds() {
    return Stream.of(
        register(TestTimeRegister.Form.PAPER),
        register(TestTimeRegister.Form.REPO),
        bias(),
        new Registers.First(2),
        new Registers.Zeroed(),
        new RegisterContents(new float[][] {uniform("a", 4 * WIDTH), uniform("b", 4 * WIDTH)}));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void whatElseIsAskedForDoesNotMatterToTheBits(Registers registers) {
    FeatureRequest all =
        new FeatureRequest(
            EnumSet.allOf(Feature.class),
            List.of(0, 1),
            List.of(0, 1),
            List.of(0, 1),
            Pooling.MEAN,
            false,
            registers);
    EnumSet<Feature> single =
        EnumSet.complementOf(
            EnumSet.of(
                Feature.BLOCKS, Feature.BLOCK_CLS, Feature.PREFIX_ATTENTION, Feature.HIDDEN));
    try (Fovea model = Fovea.open("synthetic:tiny-reg4")) {
      Features features = model.features(image(1, 98), all);
      for (Feature feature : single) {
        FeatureRequest alone =
            FeatureRequest.of(feature).withPooling(Pooling.MEAN, false).withRegisters(registers);
        assertThat(model.features(image(1, 98), alone).get(feature))
            .as(feature.name())
            .containsExactly(features.get(feature));
      }
      Features lastHidden =
          model.features(image(1, 98), FeatureRequest.ofHidden(1).withRegisters(registers));
      assertSecondHalf(lastHidden, features, Feature.HIDDEN);
      Features lastCls =
          model.features(
              image(1, 98),
              FeatureRequest.of(Feature.CLS).withBlockCls(1).withRegisters(registers));
      assertSecondHalf(lastCls, features, Feature.BLOCK_CLS);
    }
  }

  private static void assertSecondHalf(Features half, Features whole, Feature feature) {
    float[] both = whole.get(feature);
    assertThat(half.get(feature))
        .containsExactly(Arrays.copyOfRange(both, both.length / 2, both.length));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void threadsAndBatchesDoNotMatterToTheBits(Registers registers) {
    List<Image> images = List.of(image(1, 84), image(2, 84), image(3, 84));
    FeatureRequest request = TOKENS.withRegisters(registers);
    try (Fovea one = Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withThreads(1));
        Fovea three = Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withThreads(3))) {
      List<Features> batch = three.featuresAll(images, request);
      for (int i = 0; i < images.size(); i++) {
        Features alone = one.features(images.get(i), request);
        for (Feature feature : request.features()) {
          assertThat(batch.get(i).get(feature)).containsExactly(alone.get(feature));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aModelOpenedWithThemGivesTheBitsOfARequestForThem(Registers registers) {
    FeatureRequest cls = FeatureRequest.of(Feature.CLS);
    try (Fovea asked = Fovea.open("synthetic:tiny-reg4");
        Fovea opened =
            Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withRegisters(registers))) {
      float[] expected = asked.features(image(1, 70), cls).get(Feature.CLS);
      float[] changed = asked.features(image(1, 70), cls.withRegisters(registers)).get(Feature.CLS);
      assertThat(opened.registers()).isEqualTo(registers);
      assertThat(opened.embed(image(1, 70))).containsExactly(changed).isNotEqualTo(expected);
      assertThat(
              opened
                  .features(image(1, 70), cls.withRegisters(Registers.asTrained()))
                  .get(Feature.CLS))
          .containsExactly(expected);
    }
  }

  @Test
  void attentionRowsLeaveOutTheConstantAndMissItsShare() {
    try (Fovea model = Fovea.open("synthetic:tiny-reg4")) {
      Features features =
          model.features(
              image(1, 70),
              FeatureRequest.of(Feature.ATTENTION, Feature.KEYS).withRegisters(bias()));
      assertThat(features.layout().shape(Feature.ATTENTION)).containsExactly(2, 30, 30);
      assertThat(features.layout().shape(Feature.KEYS)).containsExactly(30, WIDTH);
      float[] attention = features.get(Feature.ATTENTION);
      for (int row = 0; row < 2 * 30; row++) {
        double sum = 0;
        for (int key = 0; key < 30; key++) {
          sum += attention[row * 30 + key];
        }
        assertThat(sum).isBetween(0.5, 0.999);
      }
    }
  }

  static Stream<Registers> unsuitable() {
    Fingerprint other = fingerprint("tiny@7");
    return Stream.of(
        new Registers.First(5),
        new RegisterContents(new float[3][4 * WIDTH]),
        new RegisterContents(new float[2][3 * WIDTH]),
        new TestTimeRegister(List.of(new RegisterNeuron(2, 0)), TestTimeRegister.Form.PAPER, null),
        new TestTimeRegister(
            List.of(new RegisterNeuron(0, 512)), TestTimeRegister.Form.PAPER, null),
        new TestTimeRegister(NEURONS, TestTimeRegister.Form.PAPER, other),
        new AttentionBias(NEURONS, new float[2][WIDTH], new float[2][WIDTH], other),
        new AttentionBias(NEURONS, new float[3][WIDTH], new float[3][WIDTH], null),
        new AttentionBias(NEURONS, new float[2][WIDTH], new float[2][WIDTH - 1], null));
  }

  @ParameterizedTest
  @MethodSource("unsuitable")
  void registersForAnotherModelAreRefused(Registers registers) {
    Options options = Options.DEFAULT.withRegisters(registers);
    assertThatThrownBy(() -> Fovea.open("synthetic:tiny-reg4", options))
        .isInstanceOf(IllegalArgumentException.class);
    try (Fovea model = Fovea.open("synthetic:tiny-reg4")) {
      FeatureRequest request = TOKENS.withRegisters(registers);
      assertThatThrownBy(() -> model.features(image(1, 70), request))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> model.layout(image(1, 70), request))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void withoutRegistersThereIsNothingToReplace() {
    try (Fovea model = Fovea.open("synthetic:tiny")) {
      assertThatThrownBy(
              () -> model.features(image(1, 70), TOKENS.withRegisters(new Registers.Zeroed())))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the model has none");
    }
  }

  @Test
  void theSameModelInLessPrecisionIsStillTheSame() {
    Fingerprint exact = fingerprint("tiny");
    Fingerprint rounded =
        new Fingerprint(
            exact.width(),
            exact.depth(),
            exact.hidden(),
            exact.sample().stream()
                .map(x -> Float.intBitsToFloat(Float.floatToIntBits(x) & 0xFFFF_0000))
                .toList());
    assertThat(rounded).isNotEqualTo(exact);
    assertThat(rounded.matches(exact)).isTrue();
    assertThat(fingerprint("tiny-reg4").matches(exact)).isTrue();
    assertThat(fingerprint("tiny@7").matches(exact)).isFalse();
    assertThat(fingerprint("tiny-swiglu").matches(exact)).isFalse();
  }

  @Test
  void neuronsMustBeSomeAndDifferent() {
    RegisterNeuron neuron = new RegisterNeuron(0, 1);
    for (List<RegisterNeuron> wrong :
        List.of(List.<RegisterNeuron>of(), List.of(neuron, new RegisterNeuron(0, 1, 5)))) {
      assertThatThrownBy(() -> new TestTimeRegister(wrong, TestTimeRegister.Form.PAPER, null))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> new AttentionBias(wrong, new float[1][1], new float[1][1], null))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> new RegisterNeuron(-1, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new RegisterNeuron(0, 0, Double.NaN))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static TestTimeRegister register(TestTimeRegister.Form form) {
    return new TestTimeRegister(NEURONS, form, null);
  }

  private static AttentionBias bias() {
    return new AttentionBias(
        NEURONS,
        new float[][] {uniform("k0", WIDTH), uniform("k1", WIDTH)},
        new float[][] {uniform("v0", WIDTH), uniform("v1", WIDTH)},
        null);
  }

  private static Image.Planes image(int seed, int side) {
    float[] samples = SyntheticCheckpoint.uniform("image", seed, 3 * side * side);
    return (Image.Planes) Image.planes(side, side, samples);
  }

  private static float[] uniform(String name, int count) {
    return SyntheticCheckpoint.uniform(name, 1, count);
  }

  private static double[] widened(float[] values) {
    double[] result = new double[values.length];
    Arrays.setAll(result, i -> values[i]);
    return result;
  }

  private static VitWeights weights(String model) {
    return VitWeights.of(new SyntheticCheckpoint("synthetic:" + model), null, null, null);
  }

  private static Fingerprint fingerprint(String model) {
    try (VitWeights weights = weights(model)) {
      return weights.fingerprint();
    }
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
