package dev.fovea.images;

import dev.fovea.Image;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentSampleModel;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.util.Arrays;
import javax.imageio.IIOException;

/**
 * From samples as stored to 8-bit RGB, the way Pillow's {@code convert("RGB")} goes: without colour
 * management, and dropping alpha.
 *
 * <p>ImageIO's own conversions are no use here: they map gray through a linear colour space, which
 * changes the values, and apply embedded profiles.
 *
 * <p>Samples of fewer than 8 bits are stretched to 0..255; of more than 8 bits, the upper 8 are
 * taken (Pillow does the same with 16-bit colour, but clips 16-bit gray at 255, which turns almost
 * all of it white).
 */
final class Rasters {

  private Rasters() {}

  /** The image's samples. */
  static Image.Rgb toRgb(BufferedImage image) throws IOException {
    Raster raster = image.getRaster();
    ColorModel colors = image.getColorModel();
    if (colors instanceof IndexColorModel palette) {
      int[] entries = new int[palette.getMapSize()];
      palette.getRGBs(entries);
      return indexed(raster, entries);
    }
    return switch (colors.getColorSpace().getType()) {
      case ColorSpace.TYPE_GRAY -> gray(raster);
      case ColorSpace.TYPE_RGB -> color(raster, colors.isAlphaPremultiplied());
      case ColorSpace.TYPE_CMYK -> cmyk(raster);
      default -> throw new IIOException("the colour space is neither gray, nor RGB, nor CMYK");
    };
  }

  /**
   * Palette indices to RGB.
   *
   * @param entries 0xRRGGBB of each index; an index beyond them is black
   */
  static Image.Rgb indexed(Raster raster, int[] entries) {
    int width = raster.getWidth();
    byte[] rgb = new byte[3 * width * raster.getHeight()];
    int[] row = new int[width];
    int out = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getSamples(raster.getMinX(), raster.getMinY() + y, width, 1, 0, row);
      for (int index : row) {
        int entry = index < entries.length ? entries[index] : 0;
        rgb[out++] = (byte) (entry >> 16);
        rgb[out++] = (byte) (entry >> 8);
        rgb[out++] = (byte) entry;
      }
    }
    return new Image.Rgb(width, raster.getHeight(), rgb);
  }

  /** Gray in band 0. */
  static Image.Rgb gray(Raster raster) throws IOException {
    byte[] levels = levels(raster, 0);
    int width = raster.getWidth();
    byte[] rgb = new byte[3 * width * raster.getHeight()];
    int[] row = new int[width];
    int out = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getSamples(raster.getMinX(), raster.getMinY() + y, width, 1, 0, row);
      for (int sample : row) {
        byte level = levels[sample];
        rgb[out++] = level;
        rgb[out++] = level;
        rgb[out++] = level;
      }
    }
    return new Image.Rgb(width, raster.getHeight(), rgb);
  }

  private static Image.Rgb color(Raster raster, boolean premultiplied) throws IOException {
    int bands = raster.getNumBands();
    if (bands == 3 && isPackedRgb(raster)) {
      byte[] samples = ((DataBufferByte) raster.getDataBuffer()).getData();
      return new Image.Rgb(raster.getWidth(), raster.getHeight(), samples);
    }
    byte[][] levels = {levels(raster, 0), levels(raster, 1), levels(raster, 2)};
    byte[] alphas = premultiplied && bands == 4 ? levels(raster, 3) : null;
    int width = raster.getWidth();
    byte[] rgb = new byte[3 * width * raster.getHeight()];
    int[] row = new int[bands * width];
    int out = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int i = 0; i < row.length; i += bands) {
        int alpha = alphas == null ? 255 : alphas[row[i + 3]] & 0xFF;
        for (int band = 0; band < 3; band++) {
          rgb[out++] = unmultiply(levels[band][row[i + band]], alpha);
        }
      }
    }
    return new Image.Rgb(width, raster.getHeight(), rgb);
  }

  /** Premultiplied samples become what they were before; transparent ones stay as they are. */
  private static byte unmultiply(byte level, int alpha) {
    return alpha == 255 || alpha == 0 ? level : (byte) Math.min(255, 255 * (level & 0xFF) / alpha);
  }

  /** Cyan, magenta, yellow and black in bands 0 to 3. */
  static Image.Rgb cmyk(Raster raster) throws IOException {
    int bands = raster.getNumBands();
    if (bands < 4) {
      throw new IIOException("CMYK has 4 samples in a pixel, got " + bands);
    }
    byte[][] levels = new byte[4][];
    for (int band = 0; band < 4; band++) {
      levels[band] = levels(raster, band);
    }
    int width = raster.getWidth();
    byte[] rgb = new byte[3 * width * raster.getHeight()];
    int[] row = new int[bands * width];
    int out = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int i = 0; i < row.length; i += bands) {
        int black = levels[3][row[i + 3]] & 0xFF;
        for (int band = 0; band < 3; band++) {
          rgb[out++] = inkToLight(levels[band][row[i + band]] & 0xFF, black);
        }
      }
    }
    return new Image.Rgb(width, raster.getHeight(), rgb);
  }

  /**
   * The light that is left under an ink and black, both 0..255: (1 - ink) (1 - black), rounded as
   * Pillow's {@code cmyk2rgb} does.
   */
  static byte inkToLight(int ink, int black) {
    int white = 255 - black;
    int product = ink * white + 128;
    return (byte) Math.max(0, white - (((product >> 8) + product) >> 8));
  }

  /** The 8-bit level of every value that a sample of the band may have. */
  private static byte[] levels(Raster raster, int band) throws IOException {
    int bits = raster.getSampleModel().getSampleSize(band);
    if (bits > 16) {
      throw new IIOException("samples of " + bits + " bits; at most 16 are supported");
    }
    byte[] levels = new byte[1 << bits];
    for (int value = 0; value < levels.length; value++) {
      levels[value] =
          (byte) (bits > 8 ? value >> (bits - 8) : value * 255 / Math.max(1, levels.length - 1));
    }
    return levels;
  }

  /** The interleaved bytes of a raster: its own array if it is nothing else, or a copy. */
  static byte[] interleavedBytes(Raster raster) {
    int bands = raster.getNumBands();
    return isPacked(raster, bands)
        ? ((DataBufferByte) raster.getDataBuffer()).getData()
        : (byte[])
            raster.getDataElements(
                raster.getMinX(), raster.getMinY(), raster.getWidth(), raster.getHeight(), null);
  }

  private static boolean isPackedRgb(Raster raster) {
    return isPacked(raster, 3);
  }

  private static boolean isPacked(Raster raster, int bands) {
    int[] inOrder = {0, 1, 2, 3};
    return raster.getDataBuffer() instanceof DataBufferByte buffer
        && raster.getSampleModel() instanceof ComponentSampleModel layout
        && layout.getPixelStride() == bands
        && layout.getScanlineStride() == bands * raster.getWidth()
        && Arrays.equals(layout.getBandOffsets(), Arrays.copyOf(inOrder, bands))
        && buffer.getNumBanks() == 1
        && buffer.getOffset() == 0
        && buffer.getData().length == bands * raster.getWidth() * raster.getHeight();
  }
}
