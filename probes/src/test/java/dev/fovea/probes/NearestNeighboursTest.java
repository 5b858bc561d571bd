package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class NearestNeighboursTest {

  /** Cosines with (1, 0): 1, then 0.8 three times, then 0. */
  private static LabelledVectors samples() {
    LabelledVectors samples = new LabelledVectors();
    samples.add(new float[] {0, 9}, 2);
    samples.add(new float[] {8, 6}, 1);
    samples.add(new float[] {4, -3}, 1);
    samples.add(new float[] {5, 0}, 0);
    samples.add(new float[] {0.8f, 0.6f}, 1);
    return samples;
  }

  private static int predict(int k, double temperature, float... vector) {
    return new NearestNeighbours(samples(), 3, k, temperature).predict(vector);
  }

  @Test
  void theNearestDecidesAlone() {
    assertThat(predict(1, 0.07, 1, 0)).isZero();
    assertThat(predict(1, 0.07, 0, 1)).isEqualTo(2);
  }

  /** exp(1 / 0.07) against 3 exp(0.8 / 0.07): the first is exp(0.2 / 0.07) / 3 = 5.8 times more. */
  @Test
  void votesAreWeightedByTemperature() {
    assertThat(predict(4, 0.07, 1, 0)).isZero();
    // exp(0.2 / T) = 3 at T = 0.182: on either side of it, another class wins.
    assertThat(predict(4, 0.18, 1, 0)).isZero();
    assertThat(predict(4, 0.19, 1, 0)).isEqualTo(1);
  }

  /** A double holds neither exp(0.6 / 0.0005) nor exp(-0.1 / 0.0005). */
  @Test
  void atLowTemperaturesTheNearestDecides() {
    assertThat(predict(4, 0.0005, 1, 0)).isZero();
    assertThat(predict(4, 0.0005, 0.6f, -0.8f)).isEqualTo(1); // cosine 0.96, and 0.6 of class 0
    assertThat(predict(4, 0.0005, -1, -0.1f)).isEqualTo(2); // -0.1, all others less
    assertThat(predict(5, Double.MIN_VALUE, 0, 1)).isEqualTo(2);
  }

  @Test
  void onlyKVote() {
    // With two of the three at 0.8, exp(0.2 / T) = 2 at T = 0.289.
    assertThat(predict(3, 0.28, 1, 0)).isZero();
    assertThat(predict(3, 0.30, 1, 0)).isEqualTo(1);
    assertThat(predict(2, 100, 1, 0)).isZero();
  }

  @Test
  void lengthsDoNotMatter() {
    assertThat(predict(4, 0.18, 1000, 0)).isZero();
    assertThat(predict(4, 0.19, 0.001f, 0)).isEqualTo(1);
  }

  @Test
  void moreThanThereAreIsAll() {
    assertThat(predict(100, 1e6, 1, 0)).isEqualTo(1);
  }

  @Test
  void tiesGoToTheFirst() {
    LabelledVectors samples = new LabelledVectors();
    samples.add(new float[] {1, 0}, 2);
    samples.add(new float[] {1, 0}, 1);
    assertThat(new NearestNeighbours(samples, 3, 1, 0.07).predict(new float[] {1, 0})).isEqualTo(2);
    assertThat(new NearestNeighbours(samples, 3, 2, 0.07).predict(new float[] {1, 0})).isEqualTo(1);
  }

  @Test
  void nothingToVoteIsRefused() {
    assertThatThrownBy(() -> new NearestNeighbours(new LabelledVectors(), 3, 1, 0.07))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> predict(0, 0.07, 1, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> predict(1, 0, 1, 0)).isInstanceOf(IllegalArgumentException.class);
  }
}
