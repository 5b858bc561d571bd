package dev.fovea.images;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import dev.fovea.Image;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import javax.imageio.ImageReader;
import javax.imageio.spi.ImageReaderSpi;

/** WebP: lossy, lossless, with alpha; of an animation the first picture. */
final class WebpFormat implements FormatReader {

  private static final ImageReaderSpi PROVIDER = new WebPImageReaderSpi();

  @Override
  public Image.Rgb read(EncodedImage file) throws IOException {
    checkComplete(file.bytes());
    ImageReader reader = PROVIDER.createReaderInstance();
    try (ByteArrayImageInput input = new ByteArrayImageInput(file.bytes(), false)) {
      reader.setInput(input, true, true);
      file.checkSize(reader.getWidth(0), reader.getHeight(0));
      return Rasters.toRgb(reader.read(0));
    } finally {
      reader.dispose();
    }
  }

  /** The RIFF header says how long the file is; the decoder takes missing data for zeros. */
  private static void checkComplete(byte[] bytes) throws EOFException {
    long expected =
        8 + Integer.toUnsignedLong(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(4));
    if (bytes.length < expected) {
      throw new EOFException("the file ends after " + bytes.length + " of " + expected + " bytes");
    }
  }
}
