package dev.fovea.images;

import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.PHOTOMETRIC_INTERPRETATION_CMYK;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.PHOTOMETRIC_INTERPRETATION_PALETTE_COLOR;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_BITS_PER_SAMPLE;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_COLOR_MAP;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_PHOTOMETRIC_INTERPRETATION;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_SAMPLES_PER_PIXEL;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_SAMPLE_FORMAT;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_STRIP_BYTE_COUNTS;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_STRIP_OFFSETS;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_TILE_BYTE_COUNTS;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_TILE_LENGTH;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_TILE_OFFSETS;
import static javax.imageio.plugins.tiff.BaselineTIFFTagSet.TAG_TILE_WIDTH;

import dev.fovea.Image;
import java.awt.image.BufferedImage;
import java.io.EOFException;
import java.io.IOException;
import javax.imageio.IIOException;
import javax.imageio.ImageReader;
import javax.imageio.plugins.tiff.TIFFDirectory;
import javax.imageio.plugins.tiff.TIFFField;

/** TIFF: the first page; gray, palette, RGB, CMYK and YCbCr of up to 16 bits. */
final class TiffFormat implements FormatReader {

  private static final long UNSIGNED = 1;
  private static final long MAX_SAMPLES_PER_PIXEL = 8;

  /** A tile may be larger than its image, but not absurdly so. */
  private static final long MAX_TILE_PIXELS = 1 << 24;

  @Override
  public Image.Rgb read(EncodedImage file) throws IOException {
    ImageReader reader = Readers.builtIn("tiff");
    try (ByteArrayImageInput input = new ByteArrayImageInput(file.bytes(), true)) {
      reader.setInput(input, false, false);
      int width = reader.getWidth(0);
      int height = reader.getHeight(0);
      file.checkSize(width, height);
      TIFFDirectory directory = TIFFDirectory.createFromMetadata(reader.getImageMetadata(0));
      checkSamples(directory);
      checkTiles(directory, (long) width * height);
      checkData(directory, TAG_STRIP_OFFSETS, TAG_STRIP_BYTE_COUNTS, file.bytes().length);
      checkData(directory, TAG_TILE_OFFSETS, TAG_TILE_BYTE_COUNTS, file.bytes().length);
      BufferedImage image = reader.read(0);
      return switch (photometric(directory)) {
        case PHOTOMETRIC_INTERPRETATION_PALETTE_COLOR ->
            Rasters.indexed(image.getRaster(), palette(directory));
        // An embedded profile, often one that Pillow left from RGB, would decide otherwise.
        case PHOTOMETRIC_INTERPRETATION_CMYK -> Rasters.cmyk(image.getRaster());
        default -> Rasters.toRgb(image);
      };
    } finally {
      reader.dispose();
    }
  }

  private static int photometric(TIFFDirectory directory) {
    return (int) value(directory, TAG_PHOTOMETRIC_INTERPRETATION, 0);
  }

  /** The upper 8 bits of each entry, as in Pillow; the JDK scales the 16 bits. */
  private static int[] palette(TIFFDirectory directory) {
    TIFFField map = directory.getTIFFField(TAG_COLOR_MAP);
    int[] entries = new int[map.getCount() / 3];
    for (int i = 0; i < entries.length; i++) {
      int red = map.getAsInt(i) >> 8;
      int green = map.getAsInt(entries.length + i) >> 8;
      int blue = map.getAsInt(2 * entries.length + i) >> 8;
      entries[i] = red << 16 | green << 8 | blue;
    }
    return entries;
  }

  private static void checkSamples(TIFFDirectory directory) throws IOException {
    long format = value(directory, TAG_SAMPLE_FORMAT, UNSIGNED);
    long bits = value(directory, TAG_BITS_PER_SAMPLE, 1);
    long samples = value(directory, TAG_SAMPLES_PER_PIXEL, 1);
    if (format != UNSIGNED || bits > 16 || samples > MAX_SAMPLES_PER_PIXEL) {
      throw new IIOException(
          String.format(
              "%d samples of %d bits in sample format %d; unsigned integers of at most 16 bits"
                  + " are supported, at most %d for a pixel",
              samples, bits, format, MAX_SAMPLES_PER_PIXEL));
    }
    checkField(directory, TAG_BITS_PER_SAMPLE, samples == 1 ? 0 : samples);
    checkField(
        directory,
        TAG_COLOR_MAP,
        photometric(directory) == PHOTOMETRIC_INTERPRETATION_PALETTE_COLOR ? 3L << bits : 0);
  }

  /** The JDK's reader leaves out fields whose values lie beyond the end of the file. */
  private static void checkField(TIFFDirectory directory, int tag, long values)
      throws EOFException {
    TIFFField field = directory.getTIFFField(tag);
    int found = field == null ? 0 : field.getCount();
    if (found < values) {
      throw new EOFException("field " + tag + " must have " + values + " values, got " + found);
    }
  }

  private static void checkTiles(TIFFDirectory directory, long pixels) throws IIOException {
    long width = value(directory, TAG_TILE_WIDTH, 1);
    long height = value(directory, TAG_TILE_LENGTH, 1);
    if (width <= 0 || height <= 0 || width > Math.max(pixels, MAX_TILE_PIXELS) / height) {
      throw new IIOException("tiles of " + width + " x " + height + " pixels");
    }
  }

  /** Strips or tiles must lie in the file: memory is allocated by what their headers say. */
  private static void checkData(TIFFDirectory directory, int offsets, int counts, int fileLength)
      throws IOException {
    TIFFField start = directory.getTIFFField(offsets);
    TIFFField count = directory.getTIFFField(counts);
    if (start == null || count == null) {
      return;
    }
    for (int i = 0; i < Math.min(start.getCount(), count.getCount()); i++) {
      long end = start.getAsLong(i) + count.getAsLong(i);
      if (start.getAsLong(i) < 0 || count.getAsLong(i) < 0 || end > fileLength) {
        throw new EOFException(
            "data up to byte " + end + " is announced, the file ends at " + fileLength);
      }
    }
  }

  private static long value(TIFFDirectory directory, int tag, long absent) {
    TIFFField field = directory.getTIFFField(tag);
    return field == null || field.getCount() == 0 ? absent : field.getAsLong(0);
  }
}
