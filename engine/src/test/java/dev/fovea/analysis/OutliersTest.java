package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.PlantedOutliers;
import dev.fovea.checkpoint.Checkpoint;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class OutliersTest {

  static Stream<OutlierRule> rules() {
    return Stream.of(
        new OutlierRule.Fixed(150),
        new OutlierRule.Sigma(3),
        new OutlierRule.Percentile(98),
        new OutlierRule.Valley());
  }

  @ParameterizedTest
  @MethodSource("rules")
  void everyRuleFindsExactlyThePlantedOutliers(OutlierRule rule) {
    try (Fovea model = PlantedOutliers.open()) {
      TokenStatistics statistics = TokenStatistics.of(model, PlantedOutliers.image());
      Outliers outliers = Outliers.find(List.of(statistics), rule);
      Outliers.OfImage image = outliers.images().getFirst();
      assertThat(image.patches()).containsExactly(19, 44);
      assertThat(image.outliers()).allMatch(outlier -> Math.abs(outlier.norm() - 432) < 1);
      assertThat(image.outliers()).allMatch(outlier -> outlier.firstBlock() == 1);
      assertThat(outliers.firstBlock()).hasValue(1);
    }
  }

  @Test
  void theCutoffIsOneForAllImages() {
    PatchGrid grid = new PatchGrid(1, 4);
    TokenStatistics calm =
        new TokenStatistics(grid, 0, new float[][] {{9, 1, 2, 1, 2}}, new float[4]);
    TokenStatistics wild =
        new TokenStatistics(grid, 0, new float[][] {{9, 1, 70, 2, 1}}, new float[4]);
    Outliers outliers = Outliers.find(List.of(calm, wild), new OutlierRule.Valley());
    assertThat(outliers.cutoff()).hasValue(36);
    assertThat(outliers.images())
        .map(Outliers.OfImage::patches)
        .containsExactly(List.of(), List.of(1));
    assertThat(outliers.count()).isEqualTo(1);
    assertThat(outliers.patches()).isEqualTo(8);
    assertThat(outliers.norms()).containsExactly(1, 2, 1, 2, 1, 70, 2, 1);
  }

  @Test
  void normsAreThoseOfTheReference() {
    try (Fovea model = PlantedOutliers.open();
        Checkpoint golden = PlantedOutliers.golden()) {
      TokenStatistics statistics = TokenStatistics.of(model, PlantedOutliers.image());
      float[] blocks = new float[2 * 65 * 128];
      golden.read("blocks", 0, blocks, 0, blocks.length);
      for (int row = 0; row < 130; row++) {
        double squares = 0;
        for (int i = 0; i < 128; i++) {
          squares += Math.pow(blocks[row * 128 + i], 2);
        }
        assertThat((double) statistics.norms()[row / 65][row % 65])
            .isCloseTo(Math.sqrt(squares), within(5e-6 * Math.sqrt(squares)));
      }
      assertThat(statistics.cls(1)).isEqualTo(statistics.norms()[1][0]);
      assertThat(statistics.patches(1)).hasSize(64).contains(statistics.norms()[1][20]);
    }
  }

  @Test
  void similarityIsTheMeanOverTheNeighboursThatThereAre() {
    PatchGrid grid = new PatchGrid(3, 4);
    Random random = new Random(1);
    float[] patches = new float[12 * 5];
    for (int i = 0; i < patches.length; i++) {
      patches[i] = (float) random.nextGaussian();
    }
    float[] similarity = TokenStatistics.neighbourSimilarity(grid, patches);
    for (int y = 0; y < 3; y++) {
      for (int x = 0; x < 4; x++) {
        double sum = 0;
        int count = 0;
        for (int other = 0; other < 12; other++) {
          if (Math.abs(other / 4 - y) + Math.abs(other % 4 - x) == 1) {
            sum += cosine(patches, y * 4 + x, other);
            count++;
          }
        }
        assertThat((double) similarity[y * 4 + x]).isCloseTo(sum / count, within(1e-7));
      }
    }
  }

  private static double cosine(float[] rows, int a, int b) {
    double product = 0;
    double first = 0;
    double second = 0;
    for (int i = 0; i < 5; i++) {
      product += (double) rows[a * 5 + i] * rows[b * 5 + i];
      first += Math.pow(rows[a * 5 + i], 2);
      second += Math.pow(rows[b * 5 + i], 2);
    }
    return product / Math.sqrt(first * second);
  }

  @Test
  void flatPatchesAreMoreLikeTheirNeighboursOnlyIfThoseAreFlatToo() {
    PatchGrid grid = new PatchGrid(1, 4);
    float[] patches = {1, 0, 1, 0, 0, 1, 0, -1};
    assertThat(TokenStatistics.neighbourSimilarity(grid, patches))
        .containsExactly(1, 0.5f, -0.5f, -1);
    TokenStatistics statistics =
        new TokenStatistics(
            grid,
            0,
            new float[][] {{5, 9, 1, 1, 1}},
            TokenStatistics.neighbourSimilarity(grid, patches));
    Outliers outliers = Outliers.find(List.of(statistics), new OutlierRule.Fixed(8));
    assertThat(outliers.outlierSimilarity()).hasValue(1);
    assertThat(outliers.otherSimilarity()).hasValueCloseTo(-1 / 3.0, within(1e-7));
  }

  @Test
  void outliersAppearWhereTheyStayAboveTheCutoff() {
    PatchGrid grid = new PatchGrid(1, 2);
    float[][] norms = {{0, 0, 20, 1}, {0, 0, 1, 1}, {0, 0, 20, 20}, {0, 0, 20, 5}};
    TokenStatistics statistics = new TokenStatistics(grid, 1, norms, new float[2]);
    OutlierRule rule = new OutlierRule.Fixed(10);
    assertThat(Outliers.find(List.of(statistics), rule).images().getFirst().outliers())
        .containsExactly(new Outliers.Outlier(0, 20, 2));
    assertThat(Outliers.find(List.of(statistics), rule, 2).images().getFirst().outliers())
        .containsExactly(new Outliers.Outlier(0, 20, 2), new Outliers.Outlier(1, 20, 2));
    Outliers none = Outliers.find(List.of(statistics), rule, 1);
    assertThat(none.count()).isZero();
    assertThat(none.firstBlock()).isEmpty();
    assertThat(none.outlierSimilarity()).isEmpty();
  }

  @Test
  void cutoffsFollowTheirDefinitions() {
    float[] norms = {4, 1, 3, 2};
    assertThat(new OutlierRule.Fixed(7).cutoff(norms)).hasValue(7);
    assertThat(new OutlierRule.Sigma(2).cutoff(norms))
        .hasValueCloseTo(2.5 + 2 * Math.sqrt(1.25), within(1e-12));
    assertThat(new OutlierRule.Percentile(0).cutoff(norms)).hasValue(1);
    assertThat(new OutlierRule.Percentile(50).cutoff(norms)).hasValue(2.5);
    assertThat(new OutlierRule.Percentile(90).cutoff(norms)).hasValueCloseTo(3.7, within(1e-12));
    assertThat(new OutlierRule.Percentile(100).cutoff(norms)).hasValue(4);
  }

  @Test
  void theValleyIsTheMiddleOfTheWidestGapBetweenTwoMeans() {
    // The gap of 30 below 120 is beyond the upper centre, 96.7.
    float[] norms = {5, 1, 2, 3, 4, 120, 90, 80, 3, 2, 4};
    assertThat(new OutlierRule.Valley().cutoff(norms)).hasValue(42.5);
  }

  @Test
  void thereIsNoValleyInOneCrowdNorBelowAMajority() {
    Random random = new Random(2);
    float[] crowd = new float[2000];
    float[] line = new float[2000];
    float[] tail = new float[2000];
    for (int i = 0; i < crowd.length; i++) {
      crowd[i] = (float) (50 + 10 * random.nextGaussian());
      line[i] = i;
      tail[i] = (float) -Math.log(1 - random.nextDouble());
    }
    OutlierRule valley = new OutlierRule.Valley();
    assertThat(valley.cutoff(crowd)).isEmpty();
    assertThat(valley.cutoff(line)).isEmpty();
    assertThat(valley.cutoff(tail)).isEmpty();
    assertThat(valley.cutoff(new float[] {7, 7, 7, 7})).isEmpty();
    assertThat(valley.cutoff(new float[] {7})).isEmpty();
    assertThat(valley.cutoff(new float[] {1, 9, 9, 9})).isEmpty();
    Arrays.fill(crowd, 0, 10, 400);
    assertThat(valley.cutoff(crowd).orElseThrow()).isBetween(60.0, 390.0);
  }

  @Test
  void whatCannotBeAnalysedIsRefused() {
    TokenStatistics one =
        new TokenStatistics(new PatchGrid(1, 2), 0, new float[1][3], new float[2]);
    TokenStatistics deeper =
        new TokenStatistics(new PatchGrid(1, 2), 0, new float[2][3], new float[2]);
    OutlierRule rule = new OutlierRule.Valley();
    assertThatThrownBy(() -> Outliers.find(List.of(), rule))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least one image");
    assertThatThrownBy(() -> Outliers.find(List.of(one, deeper), rule))
        .hasMessageContaining("different models");
    assertThatThrownBy(() -> Outliers.find(List.of(one), rule, 1))
        .hasMessageContaining("blocks 0 to 0");
    try (Fovea model = PlantedOutliers.open()) {
      Image patch = Image.planes(14, 14, new float[3 * 14 * 14]);
      assertThatThrownBy(() -> TokenStatistics.of(model, patch))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("one patch");
    }
    assertThatThrownBy(() -> new OutlierRule.Percentile(101)).hasMessageContaining("101");
    assertThatThrownBy(() -> new OutlierRule.Sigma(Double.NaN)).hasMessageContaining("NaN");
    assertThatThrownBy(() -> new OutlierRule.Fixed(Double.POSITIVE_INFINITY))
        .hasMessageContaining("Infinity");
    assertThat(rule.cutoff(new float[] {1, 2})).isEqualTo(OptionalDouble.empty());
  }
}
