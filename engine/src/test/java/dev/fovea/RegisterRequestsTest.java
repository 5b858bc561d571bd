package dev.fovea;

import static dev.fovea.TestRegisters.NEURONS;
import static dev.fovea.TestRegisters.bias;
import static dev.fovea.TestRegisters.image;
import static dev.fovea.TestRegisters.register;
import static dev.fovea.TestRegisters.uniform;
import static dev.fovea.TestRegisters.weights;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Pooling;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Requests for something else in the place of registers: the same bits however they are asked for,
 * and a refusal where the model has no place for it.
 */
@EveryKernel
class RegisterRequestsTest {

  private static final int WIDTH = TestRegisters.WIDTH;

  private static final FeatureRequest TOKENS =
      FeatureRequest.of(Feature.TOKENS, Feature.PRENORM_TOKENS);

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

  private static Fingerprint fingerprint(String model) {
    try (VitWeights weights = weights(model)) {
      return weights.fingerprint();
    }
  }
}
