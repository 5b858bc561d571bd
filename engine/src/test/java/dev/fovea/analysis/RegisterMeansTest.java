package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.AttentionBias;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.RegisterContents;
import dev.fovea.RegisterNeuron;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import dev.fovea.analysis.RegisterAblations.Outcome;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.AbstractList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Means over two images, and what happens when they take the registers' place. */
class RegisterMeansTest {

  private static final String MODEL = "synthetic:tiny-reg4";
  private static final int WIDTH = 128;
  private static final List<Image> TWO = List.of(image(1, 70, 70), image(2, 42, 98));

  private static final TestTimeRegister REGISTER =
      new TestTimeRegister(
          List.of(new RegisterNeuron(0, 7), new RegisterNeuron(1, 70)),
          TestTimeRegister.Form.PAPER,
          null);

  /** Half a unit in the last place of a mean that is rounded to float32 at the end. */
  private static final double ROUNDING = 0x1p-24;

  @ParameterizedTest
  @ValueSource(strings = {"synthetic:tiny", MODEL})
  void theBiasIsTheMeanKeyAndValueOfTheAddedRegister(String name) {
    FeatureRequest request =
        FeatureRequest.of(Feature.REGISTER_KEYS_VALUES).withRegisters(REGISTER);
    try (Fovea model = Fovea.open(name)) {
      AttentionBias bias = RegisterMeans.attentionBias(model, TWO, REGISTER);
      int registers = model.config().registers() + 1;
      List<float[]> keysAndValues =
          model.featuresAll(TWO, request).stream()
              .map(features -> features.get(Feature.REGISTER_KEYS_VALUES))
              .toList();
      for (int i = 0; i < 2 * WIDTH; i++) {
        int block = i / WIDTH;
        int key = ((block + 1) * registers - 1) * 2 * WIDTH + i % WIDTH;
        assertMean(bias.key(block)[i % WIDTH], keysAndValues, key);
        assertMean(bias.value(block)[i % WIDTH], keysAndValues, key + WIDTH);
      }
      assertThat(bias.neurons()).isEqualTo(REGISTER.neurons());
    }
  }

  @Test
  void contentsAreTheMeanOfTheRegistersAfterEveryBlock() {
    try (Fovea model = Fovea.open(MODEL)) {
      RegisterContents contents = RegisterMeans.contents(model, TWO);
      List<Features> features =
          model.featuresAll(TWO, FeatureRequest.of(Feature.CLS).withAllBlocks(2));
      for (int block = 0; block < 2; block++) {
        for (int i = 0; i < 4 * WIDTH; i++) {
          double sum = 0;
          for (Features ofImage : features) {
            int tokens = ofImage.layout().shape(Feature.BLOCKS)[1];
            sum += ofImage.get(Feature.BLOCKS)[(block * tokens + 1) * WIDTH + i];
          }
          assertThat((double) contents.afterBlock(block)[i])
              .isCloseTo(sum / 2, within(ROUNDING * Math.abs(sum / 2)));
        }
      }
    }
  }

  private static void assertMean(float mean, List<float[]> values, int index) {
    double expected = (values.get(0)[index] + (double) values.get(1)[index]) / 2;
    assertThat((double) mean).isCloseTo(expected, within(ROUNDING * Math.abs(expected)));
  }

  @Test
  void withoutImagesThereIsNoMean() {
    try (Fovea model = Fovea.open(MODEL);
        Fovea bare = Fovea.open("synthetic:tiny")) {
      assertThatThrownBy(() -> RegisterMeans.contents(model, List.of()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("at least one image");
      assertThatThrownBy(() -> RegisterMeans.attentionBias(model, List.of(), REGISTER))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> RegisterMeans.contents(bare, TWO))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("no registers");
      assertThatThrownBy(() -> RegisterAblations.of(bare, TWO, 1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> RegisterAblations.of(model, List.of(), 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void everyAblationIsTriedAndChangesSomething() {
    try (Fovea model = Fovea.open(MODEL)) {
      List<Outcome> outcomes = RegisterAblations.of(model, TWO, 1);
      assertThat(outcomes)
          .extracting(Outcome::name)
          .containsExactly("drop", "first 1", "first 2", "first 3", "zero", "mean", "shuffle");
      assertThat(outcomes).allMatch(outcome -> outcome.cls() > -1 && outcome.cls() < 0.999999);
      assertThat(outcomes).allMatch(outcome -> outcome.patches() < 0.999999);
    }
  }

  /** For the mean, for all its ablations, and to lend its registers to another. */
  @Test
  void everyImageIsReadThreeTimes() {
    int[] reads = new int[TWO.size()];
    List<Image> counted =
        new AbstractList<>() {
          @Override
          public Image get(int index) {
            reads[index]++;
            return TWO.get(index);
          }

          @Override
          public int size() {
            return TWO.size();
          }
        };
    try (Fovea model = Fovea.open(MODEL)) {
      RegisterAblations.of(model, counted, 1);
    }
    assertThat(reads).containsOnly(3);
  }

  @Test
  void howTheModelWasOpenedDoesNotMatter() {
    Options options = Options.DEFAULT.withRegisters(new Registers.First(2));
    try (Fovea model = Fovea.open(MODEL);
        Fovea changed = Fovea.open(MODEL, options)) {
      assertThat(changed.config().registers()).isEqualTo(2);
      assertThat(changed.trainedConfig()).isEqualTo(model.config());
      assertThat(RegisterAblations.of(changed, TWO, 1))
          .isEqualTo(RegisterAblations.of(model, TWO, 1));
    }
  }

  /** The registers of the same image are what it has there anyway. */
  @Test
  void whatIsReplacedByItselfStaysTheSame() {
    List<Image> twins = List.of(TWO.getFirst(), TWO.getFirst());
    try (Fovea model = Fovea.open(MODEL)) {
      for (Outcome outcome : RegisterAblations.of(model, twins, 1)) {
        if (outcome.name().equals("mean") || outcome.name().equals("shuffle")) {
          assertThat(outcome.cls()).isCloseTo(1, within(1e-12));
          assertThat(outcome.patches()).isCloseTo(1, within(1e-12));
        }
      }
      assertThat(RegisterAblations.of(model, twins.subList(0, 1), 1))
          .extracting(Outcome::name)
          .doesNotContain("shuffle");
    }
  }

  private static Image image(int seed, int height, int width) {
    return Image.planes(
        width, height, SyntheticCheckpoint.uniform("image", seed, 3 * height * width));
  }
}
