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
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NormHistogramTest {

  private static final double LARGEST = 90;

  private static Outliers outliers(double cutoff) {
    return Outliers.find(List.of(image()), new OutlierRule.Fixed(cutoff));
  }

  private static Outliers outliersWithoutCutoff() {
    Outliers.OfImage image = new Outliers.OfImage(image(), List.of());
    return new Outliers(0, List.of(OptionalDouble.empty()), List.of(image));
  }

  private static TokenStatistics image() {
    float[][] norms = {{1, 10, 11, 12, 12, 12, 12, 11, 11, (float) LARGEST, 12, 11, 12}};
    return new TokenStatistics(new PatchGrid(3, 4), 0, norms, new float[12]);
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
    BufferedImage without =
        NormHistogram.of(Map.of("m", outliersWithoutCutoff()), Theme.LIGHT).raster();
    assertThat(blueColumns(picture, 200, 600) - blueColumns(without, 200, 600)).isBetween(1, 4);
  }

  @Test
  void theChartReachesACutoffThatNoNormReaches() {
    Map<String, Outliers> quiet = Map.of("m", outliers(150));
    assertThat(NormHistogram.end(quiet)).isEqualTo(150);
    BufferedImage picture = NormHistogram.of(quiet, Theme.LIGHT).raster();
    assertThat(blueColumns(picture, picture.getWidth() * 3 / 4, picture.getWidth()))
        .isBetween(1, 4);
    assertThat(NormHistogram.label("m", outliers(150), 150)).isEqualTo("0 > 150.0: m");
  }

  @Test
  void aCutoffFarBeyondAllNormsIsInTheLegendAlone() {
    Map<String, Outliers> models = Map.of("m", outliers(1e6));
    assertThat(NormHistogram.end(models)).isEqualTo(LARGEST);
    BufferedImage picture = NormHistogram.of(models, Theme.LIGHT).raster();
    assertThat(blueColumns(picture, picture.getWidth() * 3 / 4, picture.getWidth())).isZero();
    assertThat(NormHistogram.label("m", outliers(1e6), LARGEST))
        .isEqualTo("0 > 1000000.0 (beyond this chart): m");
    assertThat(NormHistogram.label("m", outliersWithoutCutoff(), LARGEST))
        .isEqualTo("no outliers: m");
  }

  @Test
  void theTitleNamesTheBlockThatAllModelsHave() {
    Outliers deep = new Outliers(11, outliers(50).cutoffs(), outliers(50).images());
    assertThat(NormHistogram.title(Map.of("a", outliers(50), "b", outliers(20))))
        .isEqualTo("Norms of patches after block 0");
    assertThat(NormHistogram.title(Map.of("a", outliers(50), "b", deep)))
        .isEqualTo("Norms of patches");
  }

  /** Columns with a blue point at a third of the height, above all bins but the highest. */
  private static int blueColumns(BufferedImage picture, int from, int to) {
    int y = picture.getHeight() / 3;
    return (int)
        IntStream.range(from, to)
            .filter( // the line is dashed
                x -> IntStream.range(y, y + 10).anyMatch(i -> isBlue(picture.getRGB(x, i))))
            .count();
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
