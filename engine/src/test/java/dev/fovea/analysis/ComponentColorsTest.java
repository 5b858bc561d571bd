package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.PatchGrid;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ComponentColorsTest {

  private static final int WIDTH = 8;

  /** A square of other patches in the middle, which differ among themselves by their row. */
  private static PatchFeatures square(int side, int seed, float sign) {
    Random random = new Random(seed);
    float[] values = new float[side * side * WIDTH];
    for (int patch = 0; patch < side * side; patch++) {
      boolean inside = inside(side, patch);
      for (int i = 0; i < WIDTH; i++) {
        values[patch * WIDTH + i] = 0.01f * (float) random.nextGaussian();
      }
      values[patch * WIDTH] += sign * (inside ? 10 : 0);
      values[patch * WIDTH + 1] += inside ? patch / side : 0;
      values[patch * WIDTH + 2] += inside ? 0.5f * (patch % side) : 0;
    }
    return new PatchFeatures(new PatchGrid(side, side), WIDTH, values);
  }

  private static boolean inside(int side, int patch) {
    int y = patch / side;
    int x = patch % side;
    return y > 1 && y < side - 2 && x > 1 && x < side - 2;
  }

  @Test
  void theForegroundIsWhatTheEdgesAreNot() {
    for (float sign : new float[] {1, -1}) {
      List<PatchFeatures> images = List.of(square(8, 1, sign), square(10, 2, sign));
      ComponentColors colors = ComponentColors.foreground(images, 0.5);
      for (int image = 0; image < 2; image++) {
        int side = images.get(image).grid().rows();
        int[] rgb = colors.rgb(image, 3);
        for (int patch = 0; patch < side * side; patch++) {
          assertThat(rgb[patch] >= 0).as("patch %d", patch).isEqualTo(inside(side, patch));
        }
      }
    }
  }

  @Test
  void componentsAreWhitenedOverAllImagesTogether() {
    ComponentColors colors = ComponentColors.of(List.of(square(8, 1, 1), square(10, 2, 1)));
    for (int component = 0; component < 3; component++) {
      double sum = 0;
      double squares = 0;
      for (double[][] image : colors.images()) {
        for (double[] patch : image) {
          sum += patch[component];
          squares += patch[component] * patch[component];
        }
      }
      assertThat(sum / 164).isCloseTo(0, within(1e-9));
      assertThat(squares / 164).isCloseTo(1, within(1e-9));
    }
  }

  @Test
  void coloursAreInTheMiddleAtTheMeanAndEndAtTheDeviations() {
    double[][] patches = {{0, 3, -3}, {9, -9, 1.5}, null};
    assertThat(new ComponentColors(List.<double[][]>of(patches)).rgb(0, 3))
        .containsExactly(0x80ff00, 0xff00bf, -1);
  }

  @Test
  void tooFewPatchesAreRefused() {
    PatchFeatures three = new PatchFeatures(new PatchGrid(1, 3), WIDTH, new float[3 * WIDTH]);
    assertThatThrownBy(() -> ComponentColors.of(List.of(three)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least 4 patches");
    assertThatThrownBy(() -> ComponentColors.foreground(List.of(square(8, 1, 1)), 1))
        .hasMessageContaining("threshold");
    assertThatThrownBy(() -> ComponentColors.foreground(List.of(square(8, 1, 1)), 2))
        .hasMessageContaining("0 to 1");
    PatchFeatures wider = new PatchFeatures(new PatchGrid(1, 1), 9, new float[9]);
    assertThatThrownBy(() -> ComponentColors.of(List.of(three, wider)))
        .hasMessageContaining("different models");
    assertThatThrownBy(() -> ComponentColors.of(List.of())).hasMessageContaining("one image");
    assertThatThrownBy(() -> new PatchFeatures(new PatchGrid(1, 3), 4, new float[11]))
        .hasMessageContaining("1 x 3");
  }
}
