package dev.fovea.plots;

import dev.fovea.Image;
import dev.fovea.PatchGrid;
import java.awt.image.BufferedImage;

/**
 * PNG files with one pixel for each patch, to be enlarged by whoever shows them; a page that lays
 * them over the photograph needs a few hundred bytes for each.
 */
public final class PatchPixels {

  private static final int OPAQUE = 0xff000000;

  private PatchPixels() {}

  /**
   * Every patch in the colour of its value.
   *
   * @param values [P]
   * @param least value of the darkest colour
   * @param most value of the brightest colour
   */
  public static byte[] heat(PatchGrid grid, float[] values, double least, double most) {
    double range = most > least ? most - least : 1;
    int[] colors = new int[values.length];
    for (int patch = 0; patch < colors.length; patch++) {
      colors[patch] = ColorMap.of((values[patch] - least) / range).getRGB() & ~OPAQUE;
    }
    return colors(grid, colors);
  }

  /**
   * Every patch in a colour of its own.
   *
   * @param colors [P] as 0xRRGGBB; negative for patches that stay transparent
   */
  public static byte[] colors(PatchGrid grid, int[] colors) {
    if (colors.length != grid.patches()) {
      throw new IllegalArgumentException(
          "a grid of %s patches has %d, got %d".formatted(grid, grid.patches(), colors.length));
    }
    BufferedImage image =
        new BufferedImage(grid.columns(), grid.rows(), BufferedImage.TYPE_INT_ARGB);
    for (int patch = 0; patch < colors.length; patch++) {
      int color = colors[patch] < 0 ? 0 : OPAQUE | colors[patch];
      image.setRGB(grid.column(patch), grid.row(patch), color);
    }
    return Png.encode(image);
  }

  /** An image as it is, a pixel for each of its own. */
  public static byte[] photograph(Image.Rgb image) {
    BufferedImage pixels =
        new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
    byte[] samples = image.samples();
    for (int i = 0; i < samples.length / 3; i++) {
      int rgb =
          (samples[3 * i] & 0xff) << 16
              | (samples[3 * i + 1] & 0xff) << 8
              | (samples[3 * i + 2] & 0xff);
      pixels.setRGB(i % image.width(), i / image.width(), rgb);
    }
    return Png.encode(pixels);
  }
}
