package dev.fovea.images;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import dev.fovea.Image;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import javax.imageio.ImageReader;
import javax.imageio.spi.ImageReaderSpi;

/** WebP: lossy, lossless, with alpha; of an animation the first picture. */
final class WebpFormat implements FormatReader {

  private static final ImageReaderSpi PROVIDER = new WebPImageReaderSpi();

  /** "RIFF", a length and "WEBP". */
  private static final int HEADER_BYTES = 12;

  private static final int FEATURES = 0x58385056; // "VP8X"
  private static final int PROFILE = 0x50434349; // "ICCP"
  private static final int PROFILE_FLAG = 0x20;

  @Override
  public Image.Rgb read(EncodedImage file) throws IOException {
    byte[] plain = withoutProfile(file.bytes());
    ImageReader reader = PROVIDER.createReaderInstance();
    try (ByteArrayImageInput input = new ByteArrayImageInput(plain, false)) {
      reader.setInput(input, true, true);
      file.checkSize(reader.getWidth(0), reader.getHeight(0));
      return Rasters.toRgb(reader.read(0));
    } finally {
      reader.dispose();
    }
  }

  /**
   * The file without its colour profile, which the reader would apply. Checks on the way that every
   * chunk is there in full: the reader takes missing data for zeros.
   */
  private static byte[] withoutProfile(byte[] bytes) throws EOFException {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer out = ByteBuffer.allocate(bytes.length).order(ByteOrder.LITTLE_ENDIAN);
    long end = 8 + Integer.toUnsignedLong(in.getInt(4));
    if (end > bytes.length) {
      throw new EOFException("the file ends after " + bytes.length + " of " + end + " bytes");
    }
    in.limit((int) end).position(HEADER_BYTES);
    out.put(bytes, 0, HEADER_BYTES);
    while (in.remaining() >= 8) {
      int start = in.position();
      int kind = in.getInt();
      long length = Integer.toUnsignedLong(in.getInt());
      long padded = length + (length & 1);
      if (length > in.remaining()) {
        throw new EOFException("a chunk of " + length + " bytes goes beyond the end");
      }
      in.position((int) Math.min(in.limit(), in.position() + padded));
      if (kind != PROFILE) {
        out.put(bytes, start, in.position() - start);
      }
      if (kind == FEATURES && length > 0) {
        int flags = out.position() - (in.position() - start) + 8;
        out.put(flags, (byte) (out.get(flags) & ~PROFILE_FLAG));
      }
    }
    out.putInt(4, out.position() - 8);
    return Arrays.copyOf(out.array(), out.position());
  }
}
