package dev.fovea.plots;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.analysis.Box;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.xml.sax.SAXException;

class PatchPictureTest {

  private static final PatchGrid GRID = new PatchGrid(2, 3);

  /** 42 x 28 pixels, one colour: enlarged by 11 to 462 x 308, patches of 154 x 154. */
  private static Image.Rgb red() {
    byte[] samples = new byte[3 * 42 * 28];
    for (int i = 0; i < samples.length; i += 3) {
      samples[i] = (byte) 200;
    }
    return new Image.Rgb(42, 28, samples);
  }

  private static Color middle(BufferedImage image, int patch) {
    return new Color(image.getRGB(154 * (patch % 3) + 77, 154 * (patch / 3) + 77));
  }

  private static int brightness(Color color) {
    return color.getRed() + color.getGreen() + color.getBlue();
  }

  @Test
  void anImageIsEnlargedAndKeepsItsColours() {
    BufferedImage image = PatchPicture.over(red(), GRID).picture().raster();
    assertThat(image.getWidth()).isEqualTo(462);
    assertThat(image.getHeight()).isEqualTo(308);
    assertThat(image.getRGB(461, 307)).isEqualTo(new Color(200, 0, 0).getRGB());
  }

  @Test
  void heatIsBrighterWhereValuesAreLargerAndHasABarBesideIt() {
    float[] values = {0, 1, 2, 3, 4, 5};
    for (PatchPicture start : List.of(PatchPicture.over(red(), GRID), PatchPicture.of(GRID))) {
      Picture picture = start.heat(values, 0, 5).picture();
      BufferedImage image = picture.raster();
      int scale = image.getHeight() / 2;
      int[] seen = new int[6];
      for (int i = 0; i < 6; i++) {
        int rgb = image.getRGB(i % 3 * scale + scale / 2, i / 3 * scale + scale / 2);
        seen[i] = brightness(new Color(rgb));
      }
      int[] sorted = seen.clone();
      Arrays.sort(sorted);
      assertThat(seen).containsExactly(sorted).doesNotHaveDuplicates();
      assertThat(image.getWidth()).isGreaterThan(3 * scale + 16);
      int bar = 3 * scale + 18;
      assertThat(brightness(new Color(image.getRGB(bar, 15))))
          .isGreaterThan(brightness(new Color(image.getRGB(bar, image.getHeight() - 15))));
    }
  }

  @Test
  void heatOfEqualValuesIsOneColour() {
    BufferedImage image = PatchPicture.of(GRID).heat(new float[6], 0, 0).picture().raster();
    assertThat(new Color(image.getRGB(5, 5))).isEqualTo(ColorMap.of(0));
  }

  @Test
  void coloursLeaveOutNegativePatches() {
    int[] colors = {-1, 0x00ff00, -1, -1, -1, -1};
    BufferedImage image = PatchPicture.over(red(), GRID).colors(colors).picture().raster();
    assertThat(middle(image, 0)).isEqualTo(new Color(200, 0, 0));
    assertThat(middle(image, 1)).isEqualTo(new Color(80, 153, 0));
  }

  @Test
  void framesSurroundTheirPatches() {
    BufferedImage image = PatchPicture.over(black(), GRID).frames(List.of(4)).picture().raster();
    assertThat(new Color(image.getRGB(154, 231))).isEqualTo(Color.RED);
    assertThat(new Color(image.getRGB(308, 231))).isEqualTo(Color.RED);
    assertThat(new Color(image.getRGB(231, 154))).isEqualTo(Color.RED);
    assertThat(middle(image, 4)).isEqualTo(Color.BLACK);
    assertThat(new Color(image.getRGB(77, 154))).isEqualTo(Color.BLACK);
  }

  @Test
  void boxesMayEndWithinAPatch() {
    BufferedImage image =
        PatchPicture.over(black(), GRID)
            .box(new Box(0.5, 0.5, 2.5, 1.5), Color.GREEN)
            .picture()
            .raster();
    assertThat(new Color(image.getRGB(77, 154))).isEqualTo(Color.GREEN);
    assertThat(new Color(image.getRGB(385, 154))).isEqualTo(Color.GREEN);
    assertThat(new Color(image.getRGB(231, 77))).isEqualTo(Color.GREEN);
    assertThat(new Color(image.getRGB(231, 154))).isEqualTo(Color.BLACK);
  }

  private static Image.Rgb black() {
    return new Image.Rgb(42, 28, new byte[3 * 42 * 28]);
  }

  @Test
  void valuesOfAnotherGridAreRefused() {
    assertThatThrownBy(() -> PatchPicture.of(GRID).heat(new float[5], 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 x 3")
        .hasMessageContaining("5");
  }

  @Test
  void bothFormatsHoldThePicture() throws IOException, ParserConfigurationException, SAXException {
    Picture picture =
        PatchPicture.over(red(), GRID).heat(new float[6], 0, 1).frames(List.of(1)).picture();
    BufferedImage png = ImageIO.read(new ByteArrayInputStream(picture.encode(Picture.Format.PNG)));
    assertThat(png.getWidth()).isEqualTo(picture.width());
    assertThat(png.getRGB(154, 77)).isEqualTo(picture.raster().getRGB(154, 77));
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    Document svg =
        factory
            .newDocumentBuilder()
            .parse(new ByteArrayInputStream(picture.encode(Picture.Format.SVG)));
    assertThat(svg.getDocumentElement().getAttribute("viewBox"))
        .isEqualTo("0 0 " + picture.width() + " " + picture.height());
    assertThat(svg.getElementsByTagName("image").getLength()).isEqualTo(1);
    assertThat(svg.getElementsByTagName("text").getLength()).isEqualTo(3);
  }
}
