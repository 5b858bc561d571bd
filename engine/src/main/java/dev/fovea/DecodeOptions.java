package dev.fovea;

/**
 * How encoded images are decoded.
 *
 * @param maxPixels largest width x height that is decoded; checked against the header, before any
 *     pixel is
 * @param applyOrientation whether the EXIF orientation is applied; the reference implementations do
 *     not
 */
public record DecodeOptions(long maxPixels, boolean applyOrientation) {

  /** Up to 178,956,970 pixels (where Pillow refuses, too), orientation as stored. */
  public static final DecodeOptions DEFAULT = new DecodeOptions(178_956_970L, false);

  /** Checks that the limit is positive. */
  public DecodeOptions {
    if (maxPixels <= 0) {
      throw new IllegalArgumentException("maxPixels must be positive, got " + maxPixels);
    }
  }
}
