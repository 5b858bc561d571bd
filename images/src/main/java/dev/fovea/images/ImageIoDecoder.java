package dev.fovea.images;

import dev.fovea.DecodeOptions;
import dev.fovea.Image;
import dev.fovea.ImageDecoder;
import dev.fovea.ImageException;
import java.io.IOException;
import java.util.HexFormat;
import java.util.Objects;

/**
 * Decodes JPEG, PNG, GIF, BMP, WebP and TIFF with ImageIO, to the samples that Pillow's {@code
 * Image.open(file).convert("RGB")} gives.
 *
 * <p>Samples come as stored: no embedded profile or gamma is applied, gray values become r = g = b,
 * alpha is dropped without blending. CMYK goes through Pillow's simple formula. Of samples with 16
 * bits the upper 8 are taken; Pillow does so for colour, but clips 16-bit gray at 255. Of several
 * pages or frames the first is read.
 *
 * <p>Every format without loss is exact, and so was every JPEG measured (4:4:4, 4:2:2, 4:2:0, gray,
 * CMYK, progressive): the JDK's decoder computes the same integers as libjpeg-turbo. Only 4:4:0
 * differs, by up to 32 levels (0.3 on average), because libjpeg-turbo smooths colour upwards, too.
 * Lossy WebP differs by 1 to 3 levels on average, at sharp colour edges by up to 60.
 *
 * <p>Safe for use by several threads at once. Writes no temporary files.
 */
public final class ImageIoDecoder implements ImageDecoder {

  /** A decoder; {@link java.util.ServiceLoader} calls this. */
  public ImageIoDecoder() {}

  @Override
  public Image decode(byte[] bytes, String source, DecodeOptions options) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(options, "options");
    ImageFormat format = ImageFormat.of(bytes).orElseThrow(() -> unknown(bytes, source));
    try {
      Image.Rgb image = format.reader().read(new EncodedImage(bytes, source, options.maxPixels()));
      return options.applyOrientation() ? Orientation.of(bytes).apply(image) : image;
    } catch (ImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new ImageException(
          String.format(
              "%s: cannot be decoded as %s: %s; the file is damaged, or uses a feature that is not"
                  + " supported: save it anew as PNG",
              source, format.label(), reason(e)),
          e);
    }
  }

  private static ImageException unknown(byte[] bytes, String source) {
    String start = HexFormat.ofDelimiter(" ").formatHex(bytes, 0, Math.min(12, bytes.length));
    return new ImageException(
        String.format(
            "%s: expected an image in one of the formats %s, got %s",
            source,
            ImageFormat.labels(),
            bytes.length == 0 ? "an empty file" : "a file that begins with " + start));
  }

  private static String reason(Exception e) {
    String message = e.getMessage();
    Throwable cause = e.getCause();
    String detail =
        cause == null || cause.getMessage() == null ? "" : " (" + cause.getMessage() + ")";
    return (message == null ? e.getClass().getSimpleName() : message) + detail;
  }
}
