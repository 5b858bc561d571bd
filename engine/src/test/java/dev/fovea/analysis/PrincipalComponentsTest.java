package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrincipalComponentsTest {

  /** Rows with these deviations along the axes, turned by a rotation. */
  private static float[] rows(Random random, int n, int width, double decay) {
    double[][] turn = new double[width][width];
    for (double[] row : turn) {
      for (int i = 0; i < width; i++) {
        row[i] = random.nextGaussian();
      }
    }
    float[] rows = new float[n * width];
    for (int r = 0; r < n; r++) {
      for (int axis = 0; axis < width; axis++) {
        double value = random.nextGaussian() * Math.pow(decay, axis);
        for (int i = 0; i < width; i++) {
          rows[r * width + i] += (float) (value * turn[axis][i]);
        }
      }
    }
    return rows;
  }

  /** The covariance of the rows, formed in full. */
  private static double[][] covariance(float[] rows, int width) {
    int n = rows.length / width;
    double[] mean = new double[width];
    for (int i = 0; i < rows.length; i++) {
      mean[i % width] += rows[i] / (double) n;
    }
    double[][] result = new double[width][width];
    for (int r = 0; r < n; r++) {
      for (int i = 0; i < width; i++) {
        for (int j = 0; j < width; j++) {
          result[i][j] += (rows[r * width + i] - mean[i]) * (rows[r * width + j] - mean[j]) / n;
        }
      }
    }
    return result;
  }

  /** Eigenvalues by the power method, each taken out of the matrix when it is found. */
  private static double[] largestEigenvalues(double[][] matrix, int count) {
    double[] values = new double[count];
    for (int k = 0; k < count; k++) {
      double[] v = new double[matrix.length];
      Arrays.setAll(v, i -> 1 + 0.37 * i % 1);
      for (int step = 0; step < 20_000; step++) {
        v = times(matrix, v);
        double norm = Vectors.norm(v);
        Vectors.scale(v, 1 / norm);
        values[k] = norm;
      }
      for (int i = 0; i < v.length; i++) {
        for (int j = 0; j < v.length; j++) {
          matrix[i][j] -= values[k] * v[i] * v[j];
        }
      }
    }
    return values;
  }

  private static double[] times(double[][] matrix, double[] v) {
    double[] result = new double[v.length];
    for (int i = 0; i < v.length; i++) {
      result[i] = Vectors.dot(matrix[i], v);
    }
    return result;
  }

  @ParameterizedTest
  @CsvSource({"40, 5, 0.5", "200, 70, 0.9", "60, 90, 0.95", "500, 64, 0.995"})
  void componentsAreTheFirstEigenvectorsOfTheCovariance(int n, int width, double decay) {
    float[] rows = rows(new Random(n), n, width, decay);
    PrincipalComponents components = PrincipalComponents.of(rows, width, 3);
    double[][] covariance = covariance(rows, width);
    for (int i = 0; i < 3; i++) {
      double[] image = times(covariance, components.axes()[i]);
      Vectors.add(image, -components.variances()[i], components.axes()[i]);
      assertThat(Vectors.norm(image)).isLessThan(1e-9 * components.variances()[0]);
      for (int j = 0; j <= i; j++) {
        assertThat(Vectors.dot(components.axes()[i], components.axes()[j]))
            .isCloseTo(i == j ? 1 : 0, within(1e-9));
      }
    }
    double[] expected = largestEigenvalues(covariance, 3);
    assertThat(components.variances()).containsExactly(expected, within(1e-6 * expected[0]));
  }

  @Test
  void alongKnownAxesVariancesAreKnown() {
    // Two points on each of three axes, at 6, 4 and 2 from the mean (1, 1, 1, 1): 2 x 36 / 6, ...
    float[] rows = {7, 1, 1, 1, -5, 1, 1, 1, 1, 1, 5, 1, 1, 1, -3, 1, 1, 3, 1, 1, 1, -1, 1, 1};
    PrincipalComponents components = PrincipalComponents.of(rows, 4, 4);
    assertThat(components.mean()).containsExactly(new double[] {1, 1, 1, 1}, within(1e-12));
    assertThat(components.variances())
        .containsExactly(new double[] {12, 16 / 3.0, 4 / 3.0, 0}, within(1e-12));
    assertThat(components.axes()[0]).containsExactly(new double[] {1, 0, 0, 0}, within(1e-9));
    assertThat(components.axes()[1]).containsExactly(new double[] {0, 0, 1, 0}, within(1e-9));
    assertThat(components.axes()[2]).containsExactly(new double[] {0, 1, 0, 0}, within(1e-9));
    assertThat(components.project(rows)[1])
        .containsExactly(new double[] {-6, 0, 0, 0}, within(1e-9));
  }

  @Test
  void equalVariancesGiveOrthogonalAxesOfTheirPlane() {
    float[] rows = new float[2 * 60 * 60];
    for (int i = 0; i < 60; i++) {
      rows[2 * i * 60 + i] = 1;
      rows[(2 * i + 1) * 60 + i] = -1;
    }
    PrincipalComponents components = PrincipalComponents.of(rows, 60, 3);
    assertThat(components.variances())
        .containsExactly(new double[] {1 / 60.0, 1 / 60.0, 1 / 60.0}, within(1e-12));
    assertThat(Vectors.dot(components.axes()[0], components.axes()[1])).isCloseTo(0, within(1e-9));
  }

  @Test
  void withoutVarianceThereIsNothingToProject() {
    float[] rows = new float[5 * 8];
    Arrays.fill(rows, 0.1f);
    PrincipalComponents components = PrincipalComponents.of(rows, 8, 3);
    assertThat(components.variances()).containsExactly(new double[3], within(1e-15));
    assertThat(components.axes()).hasDimensions(3, 8);
  }

  @Test
  void theSameRowsGiveTheSameBits() {
    float[] rows = rows(new Random(8), 100, 60, 0.97);
    assertThat(PrincipalComponents.of(rows, 60, 3).axes())
        .isDeepEqualTo(PrincipalComponents.of(rows, 60, 3).axes());
  }

  @Test
  void moreComponentsThanChannelsAreRefused() {
    assertThatThrownBy(() -> PrincipalComponents.of(new float[8], 2, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 principal components");
    assertThatThrownBy(() -> PrincipalComponents.of(new float[0], 2, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
