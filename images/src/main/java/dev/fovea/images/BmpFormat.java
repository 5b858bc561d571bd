package dev.fovea.images;

import dev.fovea.Image;
import java.io.IOException;
import javax.imageio.ImageReader;

/** BMP: 1 to 32 bits, palettes, bit masks, run lengths, either direction. */
final class BmpFormat implements FormatReader {

  @Override
  public Image.Rgb read(EncodedImage file) throws IOException {
    ImageReader reader = Readers.builtIn("bmp");
    try (ByteArrayImageInput input = new ByteArrayImageInput(file.bytes(), true)) {
      reader.setInput(input, true, true);
      file.checkSize(reader.getWidth(0), reader.getHeight(0));
      return Rasters.toRgb(reader.read(0));
    } finally {
      reader.dispose();
    }
  }
}
