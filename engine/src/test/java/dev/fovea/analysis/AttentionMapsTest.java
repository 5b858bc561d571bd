package dev.fovea.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.PlantedOutliers;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AttentionMapsTest {

  @Test
  void mapsOfTheLastBlockAreTheReferences() {
    try (Fovea model = PlantedOutliers.open();
        Checkpoint golden = PlantedOutliers.golden()) {
      AttentionMaps maps = AttentionMaps.of(model, PlantedOutliers.image(), 0, 1);
      assertThat(maps.grid()).isEqualTo(new PatchGrid(8, 8));
      float[] attention = new float[2 * 65 * 65];
      golden.read("attention_last", 0, attention, 0, attention.length);
      double difference = 0;
      double norm = 0;
      for (int head = 0; head < 2; head++) {
        float[] map = maps.head(1, head, AttentionMaps.CLS);
        for (int patch = 0; patch < 64; patch++) {
          float expected = attention[head * 65 * 65 + 1 + patch];
          difference += Math.pow(map[patch] - expected, 2);
          norm += Math.pow(expected, 2);
        }
      }
      assertThat(Math.sqrt(difference / norm)).isLessThanOrEqualTo(5e-6);
    }
  }

  @Test
  void prefixColumnsAreLeftOutForEveryQueryHeadAndBlock() {
    try (Fovea model = Fovea.open("synthetic:tiny-reg4")) {
      Image image = Image.planes(56, 42, SyntheticCheckpoint.uniform("image", 3, 3 * 56 * 42));
      AttentionMaps maps = AttentionMaps.of(model, image, 1, 0);
      assertThat(maps.blocks()).containsExactly(0, 1);
      assertThat(maps.grid()).isEqualTo(new PatchGrid(3, 4));
      for (int block = 0; block < 2; block++) {
        for (int query = 0; query <= 4; query++) {
          float[] mean = maps.mean(block, query);
          for (int patch = 0; patch < 12; patch++) {
            double sum = 0;
            for (int head = 0; head < 2; head++) {
              int at = (((block * 2 + head) * 5 + query) * 17) + 5 + patch;
              assertThat(maps.head(block, head, query)[patch]).isEqualTo(maps.probabilities()[at]);
              sum += maps.probabilities()[at];
            }
            assertThat((double) mean[patch]).isCloseTo(sum / 2, within(0x1p-25));
          }
        }
      }
    }
  }

  @Test
  void topMassKeepsAsFewPatchesAsHoldIt() {
    float[] map = {0.1f, 0.3f, 0.2f, 0.3f, 0.1f};
    assertThat(AttentionMaps.topMass(map, 0.25)).containsExactly(0, 0.3f, 0, 0, 0);
    assertThat(AttentionMaps.topMass(map, 0.6)).containsExactly(0, 0.3f, 0, 0.3f, 0);
    assertThat(AttentionMaps.topMass(map, 0.75)).containsExactly(0, 0.3f, 0.2f, 0.3f, 0);
    assertThat(AttentionMaps.topMass(map, 0)).containsOnly(0);
    assertThat(AttentionMaps.topMass(map, 1)).containsExactly(map);
    assertThat(AttentionMaps.topMass(new float[3], 0.6)).containsOnly(0);
  }

  @Test
  void topMassIsThatOfAThresholdOnTheRunningSumFromBelow() {
    Random random = new Random(4);
    for (int trial = 0; trial < 100; trial++) {
      float[] map = new float[30];
      double total = 0;
      for (int i = 0; i < map.length; i++) {
        map[i] = random.nextFloat();
        total += map[i];
      }
      double mass = random.nextDouble();
      float[] kept = AttentionMaps.topMass(map, mass);
      for (int i = 0; i < map.length; i++) {
        double below = 0;
        for (float other : map) {
          below += other <= map[i] ? other : 0;
        }
        assertThat(kept[i]).isEqualTo(below > (1 - mass) * total ? map[i] : 0);
      }
    }
  }

  @Test
  void whatThereIsNotIsRefused() {
    AttentionMaps maps = new AttentionMaps(new PatchGrid(1, 2), List.of(3), 2, 1, new float[16]);
    assertThatThrownBy(() -> maps.head(2, 0, 0)).hasMessageContaining("blocks [3]");
    assertThatThrownBy(() -> maps.head(3, 2, 0)).hasMessageContaining("2 heads");
    assertThatThrownBy(() -> maps.head(3, 0, 2)).hasMessageContaining("1 registers");
    assertThatThrownBy(() -> AttentionMaps.topMass(new float[2], 1.5)).hasMessageContaining("1.5");
    assertThatThrownBy(
            () -> new AttentionMaps(new PatchGrid(1, 2), List.of(3), 2, 1, new float[15]))
        .hasMessageContaining("16");
  }
}
