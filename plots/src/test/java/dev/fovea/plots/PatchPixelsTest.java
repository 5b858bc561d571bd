package dev.fovea.plots;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.Image;
import dev.fovea.PatchGrid;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class PatchPixelsTest {

  private static final PatchGrid GRID = new PatchGrid(2, 3);

  private static BufferedImage read(byte[] png) throws IOException {
    return ImageIO.read(new ByteArrayInputStream(png));
  }

  @Test
  void heatHasTheColourOfEachValue() throws IOException {
    BufferedImage image = read(PatchPixels.heat(GRID, new float[] {0, 1, 2, 3, 4, 5}, 1, 4));
    assertThat(image.getWidth()).isEqualTo(3);
    assertThat(image.getHeight()).isEqualTo(2);
    assertThat(image.getRGB(0, 0)).isEqualTo(ColorMap.of(0).getRGB());
    assertThat(image.getRGB(2, 0)).isEqualTo(ColorMap.of(1 / 3.0).getRGB());
    assertThat(image.getRGB(2, 1)).isEqualTo(ColorMap.of(1).getRGB());
  }

  @Test
  void negativeColoursAreTransparent() throws IOException {
    int[] colors = {0, -1, 0xffffff, 0x102030, -1, 5};
    BufferedImage image = read(PatchPixels.colors(GRID, colors));
    assertThat(image.getRGB(1, 0) >>> 24).isZero();
    assertThat(image.getRGB(0, 0)).isEqualTo(0xff000000);
    assertThat(image.getRGB(0, 1)).isEqualTo(0xff102030);
    assertThatThrownBy(() -> PatchPixels.colors(GRID, new int[5]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("has 6, got 5");
  }

  @Test
  void photographsStayAsTheyAre() throws IOException {
    byte[] samples = {1, 2, 3, (byte) 200, (byte) 255, 0};
    BufferedImage image = read(PatchPixels.photograph(new Image.Rgb(2, 1, samples)));
    assertThat(image.getRGB(0, 0)).isEqualTo(0xff010203);
    assertThat(image.getRGB(1, 0)).isEqualTo(0xffc8ff00);
  }
}
