package dev.fovea.plots;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.PatchGrid;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NormsByBlockTest {

  /** Norms of CLS, registers and six patches after three blocks; the last patch grows. */
  private static Outliers outliers(int registers, float factor) {
    float[][] norms = new float[3][1 + registers + 6];
    for (int block = 0; block < 3; block++) {
      Arrays.fill(norms[block], 10);
      norms[block][registers + 6] = (float) (10 * Math.pow(factor, block));
    }
    TokenStatistics image =
        new TokenStatistics(new PatchGrid(2, 3), registers, norms, new float[6]);
    return Outliers.find(List.of(image), new OutlierRule.Fixed(50));
  }

  private static int blue(BufferedImage image, int fromX, int toX, int fromY, int toY) {
    int count = 0;
    for (int y = fromY; y < toY; y++) {
      for (int x = fromX; x < toX; x++) {
        Color color = new Color(image.getRGB(x, y));
        count += color.getBlue() > color.getRed() + 60 ? 1 : 0;
      }
    }
    return count;
  }

  @Test
  void theLargestPatchRisesAndTheMedianStays() {
    BufferedImage growing = NormsByBlock.of(Map.of("m", outliers(0, 5)), Theme.LIGHT).raster();
    int width = growing.getWidth();
    int middle = growing.getHeight() * 3 / 8;
    assertThat(blue(growing, width * 3 / 4, width, 0, middle)).isPositive();
    assertThat(blue(growing, 0, width / 4, 0, middle)).isZero();
  }

  @Test
  void registersHaveALineOfTheirOwn() {
    BufferedImage without = NormsByBlock.of(Map.of("m", outliers(0, 5)), Theme.LIGHT).raster();
    BufferedImage with = NormsByBlock.of(Map.of("m", outliers(2, 5)), Theme.LIGHT).raster();
    int width = with.getWidth();
    int height = with.getHeight();
    assertThat(blue(with, 0, width, 0, height)).isGreaterThan(blue(without, 0, width, 0, height));
  }

  @Test
  void aThemeColoursThePaper() {
    Map<String, Outliers> models = Map.of("m", outliers(0, 1));
    for (Theme theme : Theme.values()) {
      assertThat(new Color(NormsByBlock.of(models, theme).raster().getRGB(1, 1)))
          .isEqualTo(theme.paper());
    }
  }
}
