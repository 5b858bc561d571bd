package dev.fovea.images;

import dev.fovea.Image;
import java.awt.image.Raster;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import javax.imageio.IIOException;
import javax.imageio.ImageReader;

/**
 * JPEG: baseline and progressive, gray, YCbCr, RGB, CMYK and YCCK.
 *
 * <p>The JDK's reader decodes the components; their colours are converted here, as libjpeg and
 * Pillow do it: no profile, inks inverted as Adobe stores them.
 */
final class JpegFormat implements FormatReader {

  /** Those of libjpeg's warnings after which pixels are made up rather than decoded. */
  private static final Pattern DAMAGE =
      Pattern.compile(
          "truncated|premature|huffman|found marker|progression", Pattern.CASE_INSENSITIVE);

  @Override
  public Image.Rgb read(EncodedImage file) throws IOException {
    JpegHeader header = JpegHeader.read(file.bytes());
    ImageReader reader = Readers.builtIn("jpeg");
    try (ByteArrayImageInput input = new ByteArrayImageInput(file.bytes(), false)) {
      reader.setInput(input, true, true);
      file.checkSize(reader.getWidth(0), reader.getHeight(0));
      List<String> damage = new ArrayList<>();
      reader.addIIOReadWarningListener(
          (source, warning) -> {
            if (DAMAGE.matcher(warning).find()) {
              damage.add(warning);
            }
          });
      Raster raster = reader.readRaster(0, null);
      if (!damage.isEmpty()) {
        throw new IIOException(damage.getFirst());
      }
      byte[] samples = Rasters.interleavedBytes(raster);
      return new Image.Rgb(
          raster.getWidth(),
          raster.getHeight(),
          switch (header.colors()) {
            case GRAY -> JpegColors.gray(samples);
            case RGB -> samples;
            case YCBCR -> JpegColors.ycbcr(samples);
            case CMYK -> JpegColors.cmyk(samples);
            case YCCK -> JpegColors.ycck(samples);
          });
    } finally {
      reader.dispose();
    }
  }
}
