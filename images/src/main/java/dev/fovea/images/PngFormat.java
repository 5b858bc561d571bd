package dev.fovea.images;

import dev.fovea.Image;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32;
import javax.imageio.IIOException;
import javax.imageio.ImageReader;

/** PNG: every bit depth and colour type, interlaced or not; alpha and transparency are dropped. */
final class PngFormat implements FormatReader {

  private static final int SIGNATURE_BYTES = 8;

  /** Length, type and checksum of a chunk. */
  private static final int CHUNK_OVERHEAD = 12;

  private static final int END = 0x49454E44; // "IEND"

  /** Set in a chunk's type if a decoder may ignore the chunk: the first letter is lower case. */
  private static final int ANCILLARY = 0x20000000;

  @Override
  public Image.Rgb read(EncodedImage file) throws IOException {
    ImageReader reader = Readers.builtIn("png");
    byte[] critical = criticalChunks(file.bytes());
    try (ByteArrayImageInput input = new ByteArrayImageInput(critical, false)) {
      reader.setInput(input, true, true);
      file.checkSize(reader.getWidth(0), reader.getHeight(0));
      return Rasters.toRgb(reader.read(0));
    } finally {
      reader.dispose();
    }
  }

  /**
   * The file with its critical chunks only: gamma, profiles, transparency and text would change the
   * samples or the time it takes. Checks every checksum on the way, which the JDK's reader does
   * not.
   */
  private static byte[] criticalChunks(byte[] bytes) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    ByteBuffer out = ByteBuffer.allocate(bytes.length);
    out.put(bytes, 0, SIGNATURE_BYTES);
    in.position(SIGNATURE_BYTES);
    for (int type = 0; type != END; ) {
      int start = in.position();
      if (in.remaining() < CHUNK_OVERHEAD) {
        throw new EOFException("the file ends before its IEND chunk");
      }
      int length = in.getInt();
      type = in.getInt();
      if (length < 0 || length > in.remaining() - 4) {
        throw new EOFException(
            "a chunk of " + Integer.toUnsignedString(length) + " bytes goes beyond the end");
      }
      in.position(start + 8 + length);
      checkChecksum(bytes, start, length, in.getInt());
      if ((type & ANCILLARY) == 0) {
        out.put(bytes, start, length + CHUNK_OVERHEAD);
      }
    }
    return Arrays.copyOf(out.array(), out.position());
  }

  private static void checkChecksum(byte[] bytes, int start, int length, int expected)
      throws IIOException {
    CRC32 crc = new CRC32();
    crc.update(bytes, start + 4, length + 4);
    if ((int) crc.getValue() != expected) {
      throw new IIOException("the checksum of the chunk at byte " + start + " is wrong");
    }
  }
}
