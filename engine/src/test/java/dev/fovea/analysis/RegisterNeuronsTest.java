package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.AttentionBias;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PlantedOutliers;
import dev.fovea.RegisterNeuron;
import dev.fovea.TestTimeRegister;
import dev.fovea.TestTimeRegister.Form;
import dev.fovea.analysis.RegisterNeurons.Choice;
import dev.fovea.analysis.RegisterNeurons.Search;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class RegisterNeuronsTest {

  private static final List<Image> PLANTED = List.of(PlantedOutliers.image());

  static List<OutlierRule> rules() {
    return OutliersTest.rules().toList();
  }

  @ParameterizedTest
  @MethodSource("rules")
  void thePlantedNeuronIsTheFirstWhateverTheRule(OutlierRule rule) {
    try (Fovea model = PlantedOutliers.open()) {
      RegisterNeurons found = RegisterNeurons.find(model, PLANTED, new Search(rule, null, null));
      assertThat(found.highestBlock()).isEqualTo(1);
      assertThat(found.ranking()).hasSize(2 * 512);
      assertThat(found.ranking().getFirst().block()).isEqualTo(1);
      assertThat(found.ranking().getFirst().index()).isEqualTo(37);
    }
  }

  /** A mean over two patches and one image of floats that are the engine's own. */
  @ParameterizedTest
  @ValueSource(longs = {1, 64L << 20})
  void scoresAreMeanAbsoluteActivationsHoweverManyBlocksAreReadAtATime(long mostBytes) {
    List<Image> images = List.of(noise(1), PlantedOutliers.image(), noise(2));
    try (Fovea model = PlantedOutliers.open()) {
      float[] hidden =
          model
              .features(PlantedOutliers.image(), FeatureRequest.ofHidden(0, 1))
              .get(Feature.HIDDEN);
      RegisterNeurons found = RegisterNeurons.find(model, images, Search.DEFAULT, mostBytes);
      assertThat(found.outliers().count()).isEqualTo(2);
      double above = Double.POSITIVE_INFINITY;
      for (RegisterNeuron neuron : found.ranking()) {
        int first = (neuron.block() * 65 + 1 + 19) * 512 + neuron.index();
        int second = (neuron.block() * 65 + 1 + 44) * 512 + neuron.index();
        double mean = (Math.abs((double) hidden[first]) + Math.abs((double) hidden[second])) / 2;
        assertThat(neuron.score()).isCloseTo(mean, within(1e-12)).isLessThanOrEqualTo(above);
        above = neuron.score();
      }
    }
  }

  @Test
  void onlyTheBlocksThatAreAskedForAreLookedAt() {
    try (Fovea model = PlantedOutliers.open()) {
      Search first = new Search(new OutlierRule.Fixed(150), null, 0);
      RegisterNeurons found = RegisterNeurons.find(model, PLANTED, first);
      assertThat(found.ranking()).hasSize(512).allMatch(neuron -> neuron.block() == 0);
    }
  }

  @Test
  void withoutOutliersOrImagesOrBlocksThereIsNothingToFind() {
    try (Fovea calm = Fovea.open("synthetic:tiny");
        Fovea model = PlantedOutliers.open()) {
      refuses(calm, PLANTED, new Search(new OutlierRule.Fixed(150), null, null), "more images");
      refuses(calm, List.of(), Search.DEFAULT, "at least one image");
      refuses(model, PLANTED, new Search(new OutlierRule.Valley(), 2, null), "block 2");
      refuses(model, PLANTED, new Search(new OutlierRule.Valley(), null, 2), "block 2");
      refuses(model, PLANTED, new Search(new OutlierRule.Valley(), null, -1), "block -1");
    }
  }

  private static void refuses(Fovea model, List<Image> images, Search search, String reason) {
    assertThatThrownBy(() -> RegisterNeurons.find(model, images, search))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(reason);
  }

  @ParameterizedTest
  @ValueSource(strings = {"PAPER", "REPO"})
  void oneNeuronIsEnoughForThePlantedOutliers(Form form) {
    try (Fovea model = PlantedOutliers.open()) {
      RegisterNeurons found = RegisterNeurons.find(model, PLANTED, Search.DEFAULT);
      assertThat(found.usualCount()).isEqualTo(1);
      Choice choice = found.choose(model, PLANTED, form);
      assertThat(choice.remaining()).isZero();
      assertThat(choice.register())
          .isEqualTo(
              new TestTimeRegister(found.ranking().subList(0, 1), form, model.fingerprint()));
    }
  }

  @Test
  void moreNeuronsAreTakenUntilNoOutliersAreLeft() {
    try (Fovea model = PlantedOutliers.open()) {
      RegisterNeurons found = RegisterNeurons.find(model, PLANTED, Search.DEFAULT);
      Choice third = later(found, 2).choose(model, PLANTED, Form.PAPER);
      assertThat(third.register().neurons()).hasSize(4);
      assertThat(third.remaining()).isZero();
      Choice never = later(found, 900).choose(model, PLANTED, Form.PAPER);
      assertThat(never.register().neurons()).hasSize(1);
      assertThat(never.remaining()).isEqualTo(2);
    }
  }

  /** The same with the planted neuron further down. */
  private static RegisterNeurons later(RegisterNeurons found, int place) {
    List<RegisterNeuron> ranking = new ArrayList<>(found.ranking());
    Collections.swap(ranking, 0, place);
    return new RegisterNeurons(found.outliers(), found.highestBlock(), ranking);
  }

  @Test
  void asManyNeuronsAsThereAreCanBeTaken() {
    try (Fovea model = PlantedOutliers.open()) {
      RegisterNeurons found = RegisterNeurons.find(model, PLANTED, Search.DEFAULT);
      assertThat(found.register(model, 1024, Form.PAPER).neurons()).hasSize(1024);
      for (int count : new int[] {0, 1025}) {
        assertThatThrownBy(() -> found.register(model, count, Form.PAPER))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("1 to 1024");
      }
    }
  }

  @Test
  void anAttentionBiasInItsPlaceLeavesNoOutliersEither() {
    try (Fovea model = PlantedOutliers.open()) {
      RegisterNeurons found = RegisterNeurons.find(model, PLANTED, Search.DEFAULT);
      TestTimeRegister register = found.register(model, 1, Form.PAPER);
      AttentionBias bias = RegisterMeans.attentionBias(model, PLANTED, register);
      TokenStatistics statistics =
          TokenStatistics.of(
              model.features(
                  PlantedOutliers.image(),
                  TokenStatistics.request(model.config()).withRegisters(bias)),
              model.config());
      assertThat(statistics.registers()).isZero();
      for (float norm : statistics.patches(1)) {
        assertThat(norm).isLessThan(25);
      }
    }
  }

  private static Image noise(int seed) {
    return Image.planes(112, 112, SyntheticCheckpoint.uniform("noise", seed, 3 * 112 * 112));
  }
}
