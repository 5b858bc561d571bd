package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class KMeansTest {

  @Test
  void clearGroupsAreFoundAndNumberedByAppearance() {
    Random random = new Random(1);
    int[] expected = {0, 1, 1, 2, 0, 2, 1, 0, 2, 2, 1, 0};
    float[][] centres = {{5, 5, 0}, {-5, 0, 5}, {0, -9, -9}};
    float[] rows = new float[expected.length * 3];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = centres[expected[i / 3]][i % 3] + 0.1f * (float) random.nextGaussian();
    }
    KMeans groups = KMeans.of(rows, 3, 3, 7);
    assertThat(groups.groups()).containsExactly(expected);
    assertThat(groups.count()).isEqualTo(3);
  }

  @Test
  void everyVectorIsInTheGroupWithTheNearestMean() {
    Random random = new Random(2);
    float[] rows = new float[200 * 4];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    KMeans groups = KMeans.of(rows, 4, 6, 3);
    double[][] means = new double[6][4];
    int[] counts = new int[6];
    for (int row = 0; row < 200; row++) {
      counts[groups.groups()[row]]++;
    }
    for (int i = 0; i < rows.length; i++) {
      int group = groups.groups()[i / 4];
      means[group][i % 4] += rows[i] / (double) counts[group];
    }
    double inertia = 0;
    for (int row = 0; row < 200; row++) {
      double own = distance(rows, row, means[groups.groups()[row]]);
      inertia += own;
      for (double[] mean : means) {
        assertThat(own).isLessThanOrEqualTo(distance(rows, row, mean) + 1e-12);
      }
    }
    assertThat(groups.inertia()).isCloseTo(inertia, within(1e-9));
    assertThat(KMeans.of(rows, 4, 6, 3).groups()).containsExactly(groups.groups());
  }

  private static double distance(float[] rows, int row, double[] mean) {
    double sum = 0;
    for (int i = 0; i < 4; i++) {
      sum += Math.pow(rows[row * 4 + i] - mean[i], 2);
    }
    return sum;
  }

  @Test
  void asManyGroupsAsVectorsGiveEachItsOwn() {
    float[] rows = {3, 1, 4, 1.5f, 9};
    KMeans groups = KMeans.of(rows, 1, 5, 1);
    assertThat(groups.groups()).containsExactly(0, 1, 2, 3, 4);
    assertThat(groups.inertia()).isZero();
  }

  @Test
  void equalVectorsShareTheFirstGroup() {
    KMeans groups = KMeans.of(new float[6], 1, 3, 1);
    assertThat(groups.groups()).containsOnly(0);
  }

  @Test
  void moreGroupsThanVectorsAreRefused() {
    assertThatThrownBy(() -> KMeans.of(new float[6], 2, 4, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("4 groups of 3 vectors");
    assertThatThrownBy(() -> KMeans.of(new float[6], 2, 0, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
