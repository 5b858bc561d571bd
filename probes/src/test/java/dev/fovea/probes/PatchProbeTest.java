package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.probes.ProbeReport.PatchScore;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class PatchProbeTest {

  private static final int CHANNELS = 5;
  private static final int PATCHES = 6;
  private static final int PIXELS = 4;
  private static final int IMAGES = 7;

  /** Numbers of images, as [images, patches x size]. */
  private static float[][] random(int size, long seed, double mean) {
    Random random = new Random(seed);
    float[][] images = new float[IMAGES][PATCHES * size];
    for (float[] image : images) {
      for (int i = 0; i < image.length; i++) {
        image[i] = (float) (mean + random.nextGaussian());
      }
    }
    return images;
  }

  private static PatchProbe probe(float[][] tokens, float[][] pixels) {
    PatchProbe probe = new PatchProbe(CHANNELS, PATCHES, PIXELS);
    for (int i = 0; i < tokens.length; i++) {
      probe.add(tokens[i], pixels[i]);
    }
    return probe;
  }

  /** The normal equations of centred least squares, by elimination, one patch after another. */
  @Test
  void pixelsAreTheRidgeRegressionOfTheTextbook() {
    double ridge = 0.3;
    float[][] tokens = random(CHANNELS, 1, 2);
    float[][] pixels = random(PIXELS, 2, -1);
    int samples = IMAGES * PATCHES;
    double[] meanToken = mean(tokens, CHANNELS);
    double[] meanPixel = mean(pixels, PIXELS);
    double[][] left = new double[CHANNELS][CHANNELS];
    double[][] right = new double[CHANNELS][PIXELS];
    for (int image = 0; image < IMAGES; image++) {
      for (int patch = 0; patch < PATCHES; patch++) {
        for (int a = 0; a < CHANNELS; a++) {
          double x = tokens[image][patch * CHANNELS + a] - meanToken[a];
          for (int b = 0; b < CHANNELS; b++) {
            left[a][b] += x * (tokens[image][patch * CHANNELS + b] - meanToken[b]) / samples;
          }
          for (int p = 0; p < PIXELS; p++) {
            right[a][p] += x * (pixels[image][patch * PIXELS + p] - meanPixel[p]) / samples;
          }
        }
      }
    }
    shrink(left, ridge);
    double[][] expected = eliminate(left, right);
    LinearMap actual = probe(tokens, pixels).pixels(ridge);
    for (int p = 0; p < PIXELS; p++) {
      double bias = meanPixel[p];
      for (int a = 0; a < CHANNELS; a++) {
        bias -= meanToken[a] * expected[a][p];
        assertThat((double) actual.weight()[p * CHANNELS + a]).isCloseTo(expected[a][p], float32());
      }
      assertThat((double) actual.bias()[p]).isCloseTo(bias, float32());
    }
  }

  /** Weights are below 2 and rounded to float32 once. */
  private static Offset<Double> float32() {
    return Offset.offset(2 * 0x1p-23);
  }

  @Test
  void pixelsThatAreLinearInTheTokenAreFoundExactly() {
    float[][] tokens = random(CHANNELS, 3, 0);
    float[][] pixels = new float[IMAGES][PATCHES * PIXELS];
    for (int image = 0; image < IMAGES; image++) {
      for (int i = 0; i < PATCHES * PIXELS; i++) {
        int token = i / PIXELS * CHANNELS;
        pixels[image][i] = 3 * tokens[image][token + i % PIXELS] - tokens[image][token + 4] + 2;
      }
    }
    LinearMap map = probe(tokens, pixels).pixels(0);
    double[] found = map.apply(new float[] {1, 2, 3, 4, 5});
    for (int p = 0; p < PIXELS; p++) {
      assertThat(found[p]).isCloseTo(3 * (p + 1) - 5 + 2, Offset.offset(1e-4));
    }
  }

  /** One covariance for all positions, their means, equal priors: the textbook's discriminants. */
  @Test
  void positionsAreLinearDiscriminants() {
    double ridge = 0.2;
    float[][] tokens = random(CHANNELS, 4, 0);
    for (float[] image : tokens) {
      for (int i = 0; i < image.length; i++) {
        image[i] += i / CHANNELS * (i % CHANNELS - 2); // every position has its own mean
      }
    }
    double[][] means = new double[PATCHES][CHANNELS];
    for (float[] image : tokens) {
      for (int i = 0; i < image.length; i++) {
        means[i / CHANNELS][i % CHANNELS] += image[i] / (double) IMAGES;
      }
    }
    double[][] covariance = new double[CHANNELS][CHANNELS];
    for (float[] image : tokens) {
      for (int patch = 0; patch < PATCHES; patch++) {
        for (int a = 0; a < CHANNELS; a++) {
          for (int b = 0; b < CHANNELS; b++) {
            covariance[a][b] +=
                (image[patch * CHANNELS + a] - means[patch][a])
                    * (image[patch * CHANNELS + b] - means[patch][b])
                    / (PATCHES * (IMAGES - 1));
          }
        }
      }
    }
    shrink(covariance, ridge);
    double[][] right = new double[CHANNELS][PATCHES];
    for (int patch = 0; patch < PATCHES; patch++) {
      for (int a = 0; a < CHANNELS; a++) {
        right[a][patch] = means[patch][a];
      }
    }
    double[][] weights = eliminate(covariance, right);
    LinearMap actual = probe(tokens, random(PIXELS, 5, 0)).positions(ridge);
    for (int patch = 0; patch < PATCHES; patch++) {
      double bias = 0;
      for (int a = 0; a < CHANNELS; a++) {
        bias -= means[patch][a] * weights[a][patch] / 2;
        // Weights are below 16, the bias below 128, each rounded to float32 once.
        assertThat((double) actual.weight()[patch * CHANNELS + a])
            .isCloseTo(weights[a][patch], Offset.offset(1e-6));
      }
      assertThat((double) actual.bias()[patch]).isCloseTo(bias, Offset.offset(1e-5));
    }
  }

  @Test
  void tooFewImagesAndChannelsThatNeverChangeAreRefused() {
    float[][] one = {random(CHANNELS, 6, 0)[0]};
    float[][] pixels = random(PIXELS, 7, 0);
    assertThatThrownBy(() -> probe(one, pixels).positions(1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two images");
    float[][] constant = new float[IMAGES][PATCHES * CHANNELS];
    assertThatThrownBy(() -> probe(constant, pixels).pixels(1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("more images");
    assertThatThrownBy(() -> probe(random(CHANNELS, 6, 0), pixels).pixels(-1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> probe(one, pixels).add(new float[2 * CHANNELS], new float[8]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("6 patches of 5 channels, got one of 2");
  }

  /** A grid of 2 x 3; the first channel of a token is the position that the model tells. */
  @Test
  void scoresAreCountedByHand() {
    float[] positions = new float[6];
    float[] bias = new float[6];
    for (int i = 0; i < 6; i++) {
      positions[i] = i;
      bias[i] = -i * i / 2f; // i x - i^2 / 2 is largest at i = x
    }
    LinearMap position = new LinearMap(1, positions, bias);
    LinearMap pixels = new LinearMap(1, new float[] {1, 0}, new float[] {0, 1});
    PatchTokens tokens = new PatchTokens(2, 3, new float[] {0, 1, 5, 0, 4, 5}, new float[6]);
    float[] targets = {0, 1, 1, 1, 2, 1, 3, 5, 4, 1, 5, 1};
    PatchTally tally = new PatchTally(position, pixels);
    for (int patch = 0; patch < 6; patch++) {
      tally.add(tokens, patch, targets);
    }
    PatchScore score = tally.score(false);
    assertThat(score.patches()).isEqualTo(6);
    assertThat(score.position()).hasValue(4 / 6.0);
    // 2 is taken for 5, one row below; 3 for 0, one row above. Pixels: 3 off, and (3, 4) off.
    assertThat(score.distance()).hasValue(2 / 6.0);
    assertThat(score.pixels()).hasValue((3 + 5) / 6.0);
    assertThat(new PatchTally(position, null).score(true))
        .isEqualTo(new PatchTally(null, pixels).score(true));
    assertThat(tokens.distance(0, 5)).isEqualTo(Math.sqrt(5));
  }

  private static double[] mean(float[][] images, int size) {
    double[] mean = new double[size];
    for (float[] image : images) {
      for (int i = 0; i < image.length; i++) {
        mean[i % size] += image[i] / (double) (IMAGES * PATCHES);
      }
    }
    return mean;
  }

  private static void shrink(double[][] matrix, double ridge) {
    double trace = 0;
    for (int i = 0; i < matrix.length; i++) {
      trace += matrix[i][i];
    }
    for (int i = 0; i < matrix.length; i++) {
      matrix[i][i] += ridge * trace / matrix.length;
    }
  }

  /** left^-1 right by Gauss and Jordan; positive definite matrices need no pivots. */
  private static double[][] eliminate(double[][] left, double[][] right) {
    for (int pivot = 0; pivot < left.length; pivot++) {
      divide(right[pivot], left[pivot][pivot]);
      divide(left[pivot], left[pivot][pivot]);
      for (int row = 0; row < left.length; row++) {
        if (row != pivot) {
          double factor = left[row][pivot];
          subtract(right[row], right[pivot], factor);
          subtract(left[row], left[pivot], factor);
        }
      }
    }
    return right;
  }

  private static void divide(double[] row, double divisor) {
    for (int i = 0; i < row.length; i++) {
      row[i] /= divisor;
    }
  }

  private static void subtract(double[] row, double[] other, double factor) {
    for (int i = 0; i < row.length; i++) {
      row[i] -= factor * other[i];
    }
  }
}
