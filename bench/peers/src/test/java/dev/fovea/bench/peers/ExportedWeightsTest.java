package dev.fovea.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.bench.peers.ExportedWeights.Linear;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExportedWeightsTest {

  private static final int WIDTH = 128;
  private static final int NATIVE_PIXELS = 70;

  @TempDir private Path folder;

  @Test
  void positionsOfTheNativeGridAreTheStoredOnes() {
    try (ExportedWeights weights = open("synthetic:tiny-reg4", NATIVE_PIXELS)) {
      float[] stored = weights.read("pos_embed");
      assertThat(weights.patchPositions())
          .isEqualTo(Arrays.copyOfRange(stored, WIDTH, stored.length));
    }
  }

  @Test
  void everyImageOfABatchBeginsWithClsAndRegisters() {
    try (ExportedWeights weights = open("synthetic:tiny-reg4", NATIVE_PIXELS)) {
      float[] prefix = weights.prefix(2);
      int length = 5 * WIDTH;
      assertThat(prefix).hasSize(2 * length);
      assertThat(Arrays.copyOf(prefix, length))
          .isEqualTo(Arrays.copyOfRange(prefix, length, 2 * length));
      assertThat(prefix[3]).isEqualTo(weights.read("cls_token")[3] + weights.read("pos_embed")[3]);
      assertThat(Arrays.copyOfRange(prefix, WIDTH, length))
          .isEqualTo(weights.read("register_tokens"));
    }
  }

  @Test
  void layerScaleIsFoldedIntoRowsAndBias() {
    try (ExportedWeights weights = open("synthetic:tiny-reg4", NATIVE_PIXELS)) {
      Linear plain = weights.linear("blocks.1.mlp.fc2");
      Linear scaled = weights.scaledLinear("blocks.1.mlp.fc2", "blocks.1.ls2");
      float[] gamma = weights.read("blocks.1.ls2.gamma");
      assertThat(scaled.outputs()).isEqualTo(WIDTH);
      assertThat(scaled.inputs()).isEqualTo(4 * WIDTH);
      assertThat(scaled.bias()[9]).isEqualTo(plain.bias()[9] * gamma[9]);
      assertThat(scaled.matrix()[9 * 4 * WIDTH + 17])
          .isEqualTo(plain.matrix()[9 * 4 * WIDTH + 17] * gamma[9]);
    }
  }

  @Test
  void matricesCanBeTransposedAndCut() {
    Linear linear = new Linear(new float[] {1, 2, 3, 4, 5, 6}, new float[] {7, 8, 9}, 3, 2);
    assertThat(linear.transposed()).containsExactly(1, 3, 5, 2, 4, 6);
    assertThat(linear.rows(1, 2).matrix()).containsExactly(3, 4, 5, 6);
    assertThat(linear.rows(1, 2).bias()).containsExactly(8, 9);
    assertThat(linear.rows(1, 2).outputs()).isEqualTo(2);
  }

  @Test
  void gatedModelsAreRefused() {
    assertThatThrownBy(() -> open("synthetic:tiny-swiglu-reg4", NATIVE_PIXELS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("GELU")
        .hasMessageContaining("SWIGLU");
  }

  private ExportedWeights open(String model, int pixels) {
    return new ExportedWeights(new ModelFiles(folder).artifact(model), pixels);
  }
}
