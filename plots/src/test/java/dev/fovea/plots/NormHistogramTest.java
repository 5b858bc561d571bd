package dev.fovea.plots;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.PatchGrid;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NormHistogramTest {

  private static Outliers outliers(double cutoff) {
    float[][] norms = {{1, 10, 11, 12, 12, 12, 12, 11, 11, 90, 12, 11, 12}};
    TokenStatistics image = new TokenStatistics(new PatchGrid(3, 4), 0, norms, new float[12]);
    return Outliers.find(List.of(image), new OutlierRule.Fixed(cutoff));
  }

  @Test
  void everyNormIsInOneBin() {
    assertThat(NormHistogram.counts(new float[] {0, 0.9f, 1, 2.5f, 3}, 1, 4))
        .containsExactly(2, 1, 1, 1);
  }

  @Test
  void binsAreRoundAndAtLeastForty() {
    assertThat(NormHistogram.bin(432)).isEqualTo(10);
    assertThat(NormHistogram.bin(57)).isEqualTo(1);
    assertThat(NormHistogram.bin(100)).isEqualTo(2);
    assertThat(NormHistogram.bin(0)).isEqualTo(1);
  }

  @Test
  void theCutoffIsALineBetweenTheGroups() {
    BufferedImage picture = NormHistogram.of(Map.of("m", outliers(50)), Theme.LIGHT).raster();
    BufferedImage without = NormHistogram.of(Map.of("m", outliers(1e6)), Theme.LIGHT).raster();
    int y = picture.getHeight() / 3;
    int columns = 0;
    for (int x = 200; x < 600; x++) {
      for (int dy = 0; dy < 10; dy++) { // the line is dashed
        if (isBlue(picture.getRGB(x, y + dy)) && !isBlue(without.getRGB(x, y + dy))) {
          columns++;
          break;
        }
      }
    }
    assertThat(columns).isBetween(1, 4);
  }

  private static boolean isBlue(int rgb) {
    Color color = new Color(rgb);
    return color.getBlue() > color.getRed() + 60;
  }

  @Test
  void everyModelHasAColourOfItsOwn() {
    Map<String, Outliers> models = new LinkedHashMap<>();
    models.put("one", outliers(50));
    models.put("two", outliers(20));
    BufferedImage both = NormHistogram.of(models, Theme.LIGHT).raster();
    BufferedImage one = NormHistogram.of(Map.of("one", outliers(50)), Theme.LIGHT).raster();
    assertThat(orange(both)).isPositive();
    assertThat(orange(one)).isZero();
  }

  private static long orange(BufferedImage image) {
    return IntStream.range(0, image.getWidth() * image.getHeight())
        .map(i -> image.getRGB(i % image.getWidth(), i / image.getWidth()))
        .filter(rgb -> new Color(rgb).getRed() > new Color(rgb).getBlue() + 60)
        .count();
  }
}
