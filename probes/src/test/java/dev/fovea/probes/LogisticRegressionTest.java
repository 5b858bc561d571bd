package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class LogisticRegressionTest {

  /** Clouds around corners of a cube, far from the origin and each other. */
  private static LabelledVectors clouds(int classes, int each, double spread) {
    Random random = new Random(3);
    LabelledVectors samples = new LabelledVectors();
    for (int i = 0; i < each; i++) {
      for (int label = 0; label < classes; label++) {
        float[] vector = new float[3];
        for (int channel = 0; channel < 3; channel++) {
          int corner = label >> channel & 1;
          vector[channel] = (float) (100 + 10 * corner + spread * random.nextGaussian());
        }
        samples.add(vector, label);
      }
    }
    return samples;
  }

  @Test
  void separableSetsAreSeparated() {
    for (int classes : new int[] {2, 3, 8}) {
      LinearMap probe = LogisticRegression.train(clouds(classes, 20, 1), classes, 10);
      assertThat(clouds(classes, 40, 1).accuracy(probe::largest)).isEqualTo(1);
    }
  }

  /**
   * One sample at -1 and one at 1: by symmetry the bias is 0, and the weight is where the
   * derivative of w^2 / 2 + 2 C log(1 + exp(-w)) is 0. Both classes get half of the difference of
   * scores each way: w and -w.
   */
  @Test
  void twoPointsGiveTheWeightThatTheFormulaHas() {
    double cost = 3;
    LabelledVectors samples = new LabelledVectors();
    samples.add(new float[] {-1}, 0);
    samples.add(new float[] {1}, 1);
    double low = 0;
    double high = 10;
    for (int i = 0; i < 60; i++) {
      double w = (low + high) / 2;
      if (w - 2 * cost / (1 + Math.exp(w)) > 0) {
        high = w;
      } else {
        low = w;
      }
    }
    LinearMap probe = LogisticRegression.train(samples, 2, cost);
    // The solver stops at 1e-3 of the first gradient, which is 3; the curvature is at least 1.
    assertThat((double) probe.weight()[1]).isCloseTo(low, Offset.offset(3e-3));
    assertThat((double) probe.weight()[0]).isCloseTo(-low, Offset.offset(3e-3));
    assertThat((double) probe.bias()[1]).isCloseTo(0, Offset.offset(3e-3));
  }

  /** At the minimum of every class's convex loss its gradient is zero. */
  @Test
  void theGradientIsZeroWhereTrainingEnds() {
    double cost = 0.5;
    LabelledVectors samples = clouds(4, 30, 6); // clouds overlap
    double[][] x = standardised(samples);
    LinearMap probe = LogisticRegression.train(samples, 4, cost);
    double[] deviations = deviations(samples);
    for (int label = 0; label < 4; label++) {
      double[] gradient = new double[4];
      double[] first = new double[4];
      for (int channel = 0; channel < 3; channel++) {
        gradient[channel] = probe.weight()[3 * label + channel] * deviations[channel];
      }
      for (int i = 0; i < x.length; i++) {
        double y = samples.labels().get(i) == label ? 1 : -1;
        double score = probe.apply(samples.vectors().get(i))[label];
        for (int channel = 0; channel < 4; channel++) {
          double value = channel < 3 ? x[i][channel] : 1;
          gradient[channel] -= cost * y * value / (1 + Math.exp(y * score));
          first[channel] -= cost * y * value / 2;
        }
      }
      // Scores come from float32 weights at inputs of 100: 100 * 2^-24 each.
      assertThat(norm(gradient)).isLessThan(1e-3 * norm(first) + 1e-2 * cost);
      assertThat(norm(first)).isGreaterThan(10);
    }
  }

  private static double norm(double[] vector) {
    double squares = 0;
    for (double value : vector) {
      squares += value * value;
    }
    return Math.sqrt(squares);
  }

  private static double[] deviations(LabelledVectors samples) {
    double[] deviations = new double[3];
    for (int channel = 0; channel < 3; channel++) {
      double mean = mean(samples, channel);
      int at = channel;
      deviations[channel] =
          Math.sqrt(
              samples.vectors().stream()
                  .mapToDouble(vector -> (vector[at] - mean) * (vector[at] - mean))
                  .average()
                  .getAsDouble());
    }
    return deviations;
  }

  private static double mean(LabelledVectors samples, int channel) {
    return samples.vectors().stream()
        .mapToDouble(vector -> vector[channel])
        .average()
        .getAsDouble();
  }

  private static double[][] standardised(LabelledVectors samples) {
    double[] deviations = deviations(samples);
    double[][] x = new double[samples.size()][3];
    for (int i = 0; i < x.length; i++) {
      for (int channel = 0; channel < 3; channel++) {
        x[i][channel] =
            (samples.vectors().get(i)[channel] - mean(samples, channel)) / deviations[channel];
      }
    }
    return x;
  }

  @Test
  void aClassWithoutSamplesIsNeverPredicted() {
    LabelledVectors samples = new LabelledVectors();
    samples.add(new float[] {1, 0}, 0);
    samples.add(new float[] {0, 1}, 2);
    LinearMap probe = LogisticRegression.train(samples, 4, 1);
    assertThat(probe.outputs()).isEqualTo(4);
    assertThat(probe.largest(new float[] {1, 0})).isZero();
    assertThat(probe.largest(new float[] {0, 1})).isEqualTo(2);
    assertThat(probe.largest(new float[] {-1e6f, -1e6f})).isIn(0, 2);
  }

  @Test
  void aChannelThatNeverChangesDoesNothing() {
    LabelledVectors samples = new LabelledVectors();
    samples.add(new float[] {1, 7}, 0);
    samples.add(new float[] {2, 7}, 1);
    LinearMap probe = LogisticRegression.train(samples, 2, 1);
    assertThat(probe.weight()[1]).isZero();
    assertThat(probe.weight()[3]).isZero();
    assertThat(samples.accuracy(probe::largest)).isEqualTo(1);
  }

  @Test
  void oneClassAndSillyCostsAreRefused() {
    LabelledVectors one = new LabelledVectors();
    one.add(new float[] {1}, 0);
    one.add(new float[] {2}, 0);
    assertThatThrownBy(() -> LogisticRegression.train(one, 2, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two classes");
    assertThatThrownBy(() -> LogisticRegression.train(clouds(2, 2, 1), 2, Double.NaN))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> one.add(new float[2], 1)).isInstanceOf(IllegalArgumentException.class);
  }
}
