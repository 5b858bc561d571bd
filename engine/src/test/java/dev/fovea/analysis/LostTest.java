package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.PatchGrid;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LostTest {

  /** The definition once more: whole matrices, sorting by repeated search, growth until it ends. */
  private static final class Plain {
    final int[] degrees;
    final int seed;
    final List<Integer> candidates = new ArrayList<>();
    final List<Integer> object = new ArrayList<>();

    Plain(double[][] gram, int columns, int most) {
      int n = gram.length;
      degrees = new int[n];
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          degrees[i] += i != j && gram[i][j] > 0 ? 1 : 0;
        }
      }
      boolean[] taken = new boolean[n];
      List<Integer> order = new ArrayList<>();
      for (int k = 0; k < Math.min(n, most); k++) {
        int best = -1;
        for (int i = n - 1; i >= 0; i--) {
          if (!taken[i] && (best < 0 || degrees[i] <= degrees[best])) {
            best = i;
          }
        }
        taken[best] = true;
        order.add(best);
      }
      seed = order.getFirst();
      for (int candidate : order) {
        if (gram[seed][candidate] > 0) {
          candidates.add(candidate);
        }
      }
      boolean[] inside = new boolean[n];
      inside[seed] = sum(gram, seed) > 0;
      for (int round = 0; round < n; round++) {
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < n; j++) {
            int steps = Math.abs(i / columns - j / columns) + Math.abs(i % columns - j % columns);
            inside[i] |= steps == 1 && inside[j] && sum(gram, i) > 0;
          }
        }
      }
      for (int i = 0; i < n; i++) {
        if (inside[i]) {
          object.add(i);
        }
      }
    }

    private double sum(double[][] gram, int patch) {
      return candidates.stream().mapToDouble(candidate -> gram[candidate][patch]).sum();
    }
  }

  private static void check(double[][] gram, PatchGrid grid, int candidates) {
    Lost lost = Lost.find(grid, (i, j) -> gram[i][j], candidates);
    Plain plain = new Plain(gram, grid.columns(), candidates);
    assertThat(lost.degrees()).containsExactly(plain.degrees);
    assertThat(lost.seed()).isEqualTo(plain.seed);
    assertThat(lost.candidates()).containsExactlyElementsOf(plain.candidates);
    assertThat(lost.object()).containsExactlyElementsOf(plain.object);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void randomMatricesGiveWhatTheDefinitionSays(int seed) {
    Random random = new Random(seed);
    PatchGrid grid = new PatchGrid(4 + seed % 3, 3 + seed % 4);
    int n = grid.patches();
    double[][] gram = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        gram[i][j] = random.nextGaussian() - 0.1 * (seed % 4);
        gram[j][i] = gram[i][j];
      }
    }
    check(gram, grid, 1 + seed);
    check(gram, grid, 100);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void tiesAreBrokenByTheLowestIndex(int seed) {
    Random random = new Random(seed);
    PatchGrid grid = new PatchGrid(5, 6);
    double[][] gram = new double[30][30];
    for (int i = 0; i < 30; i++) {
      for (int j = 0; j <= i; j++) {
        gram[i][j] = random.nextInt(3) - 1; // few values: many equal degrees, many exact zeros
        gram[j][i] = gram[i][j];
      }
    }
    check(gram, grid, 7);
    check(gram, grid, 30);
  }

  @Test
  void equalDegreesEverywhereMakeTheFirstPatchTheSeed() {
    double[][] gram = new double[6][6];
    for (double[] row : gram) {
      Arrays.fill(row, 1);
    }
    Lost lost = Lost.find(new PatchGrid(2, 3), (i, j) -> gram[i][j], 4);
    assertThat(lost.seed()).isZero();
    assertThat(lost.candidates()).containsExactly(0, 1, 2, 3);
    assertThat(lost.box()).hasValue(new Box(0, 0, 3, 2));
  }

  /** Patches of an object in rows 1 and 2, columns 2 to 4; one more like it, apart, in a corner. */
  private static PatchFeatures scene() {
    float[] values = new float[5 * 6 * 2];
    for (int patch = 0; patch < 30; patch++) {
      int y = patch / 6;
      int x = patch % 6;
      boolean object = (y >= 1 && y <= 2 && x >= 2 && x <= 4) || patch == 24;
      values[2 * patch] = object ? 1 : -0.5f;
      values[2 * patch + 1] = object ? 0.1f : 1;
    }
    return new PatchFeatures(new PatchGrid(5, 6), 2, values);
  }

  @Test
  void theObjectIsWhatHangsTogetherWithTheSeed() {
    Lost lost = Lost.find(scene(), Lost.Settings.ORIGINAL);
    assertThat(lost.degrees()[8]).isEqualTo(6);
    assertThat(lost.seed()).isEqualTo(8);
    assertThat(lost.candidates()).containsExactly(8, 9, 10, 14, 15, 16, 24);
    assertThat(lost.object()).containsExactly(8, 9, 10, 14, 15, 16);
    assertThat(lost.box()).hasValue(new Box(2, 1, 5, 3));
    assertThat(lost.box(14, 84, 40)).hasValue(new Box(28, 14, 70, 40));
  }

  @Test
  void vectorsGiveTheirGramMatrixNormalisedAndWithABias() {
    Random random = new Random(11);
    float[] values = new float[30 * 7];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    PatchFeatures patches = new PatchFeatures(new PatchGrid(5, 6), 7, values);
    for (boolean normalize : new boolean[] {false, true}) {
      for (double bias : new double[] {0, -0.3, 0.2}) {
        double[][] gram = new double[30][30];
        for (int i = 0; i < 30; i++) {
          for (int j = 0; j < 30; j++) {
            gram[i][j] = product(values, i, j, normalize) + bias;
          }
        }
        Plain plain = new Plain(gram, 6, 9);
        Lost lost = Lost.find(patches, new Lost.Settings(normalize, bias, 9));
        assertThat(lost.seed()).isEqualTo(plain.seed);
        assertThat(lost.candidates()).containsExactlyElementsOf(plain.candidates);
        assertThat(lost.object()).containsExactlyElementsOf(plain.object);
      }
    }
  }

  private static double product(float[] values, int i, int j, boolean normalize) {
    double product = 0;
    double first = 0;
    double second = 0;
    for (int c = 0; c < 7; c++) {
      product += (double) values[7 * i + c] * values[7 * j + c];
      first += Math.pow(values[7 * i + c], 2);
      second += Math.pow(values[7 * j + c], 2);
    }
    return normalize ? product / Math.sqrt(first * second) : product;
  }

  @Test
  void aBiasThatLeavesNothingAlikeLeavesNoObject() {
    Lost lost = Lost.find(scene(), new Lost.Settings(true, -2, 100));
    assertThat(lost.degrees()).containsOnly(0);
    assertThat(lost.candidates()).isEmpty();
    assertThat(lost.object()).isEmpty();
    assertThat(lost.box()).isEmpty();
    assertThat(lost.box(14, 84, 70)).isEmpty();
  }

  @Test
  void overlapIsIntersectionOverUnion() {
    Box box = new Box(0, 0, 4, 2);
    assertThat(box.overlap(box)).isEqualTo(1);
    assertThat(box.overlap(new Box(2, 0, 6, 2))).isCloseTo(1 / 3.0, within(1e-12));
    assertThat(box.overlap(new Box(4, 0, 6, 2))).isZero();
    assertThat(box.overlap(new Box(1, 0.5, 3, 1.5))).isEqualTo(0.25);
    assertThat(box.scaled(2, 3)).isEqualTo(new Box(0, 0, 8, 6));
  }

  @Test
  void whatCannotBeSearchedIsRefused() {
    PatchFeatures one = new PatchFeatures(new PatchGrid(1, 1), 2, new float[2]);
    assertThatThrownBy(() -> Lost.find(one, Lost.Settings.ORIGINAL))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("image of one");
    assertThatThrownBy(() -> new Lost.Settings(false, Double.NaN, 100)).hasMessageContaining("NaN");
    assertThatThrownBy(() -> new Lost.Settings(false, 0, 0)).hasMessageContaining("0");
    assertThatThrownBy(() -> new Box(2, 0, 2, 1)).hasMessageContaining("left < right");
  }
}
