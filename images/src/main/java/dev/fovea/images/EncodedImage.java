package dev.fovea.images;

import dev.fovea.ImageException;
import java.util.Locale;

/**
 * A file to decode.
 *
 * @param bytes the whole file
 * @param source what to call it in messages
 * @param maxPixels largest width x height to decode
 */
record EncodedImage(byte[] bytes, String source, long maxPixels) {

  /** Most pixels whose RGB samples fit into one array. */
  private static final long ARRAY_PIXELS = (Integer.MAX_VALUE - 8) / 3;

  /**
   * Refuses an image that is too large; to be called with the header's numbers, before anything is
   * allocated for the pixels.
   */
  void checkSize(int width, int height) {
    if (width <= 0 || height <= 0) {
      throw new ImageException(
          String.format(
              "%s: the header says %d x %d pixels; the file is damaged", source, width, height));
    }
    long pixels = (long) width * height;
    if (pixels > maxPixels) {
      throw new ImageException(
          String.format(
              Locale.ROOT,
              "%s: %d x %d = %,d pixels are more than the limit of %,d; if the file is to be"
                  + " trusted, raise DecodeOptions.maxPixels",
              source,
              width,
              height,
              pixels,
              maxPixels));
    }
    if (pixels > ARRAY_PIXELS) {
      throw new ImageException(
          String.format(
              Locale.ROOT,
              "%s: %d x %d = %,d pixels do not fit into an array (at most %,d); scale the image"
                  + " down first",
              source,
              width,
              height,
              pixels,
              ARRAY_PIXELS));
    }
  }
}
