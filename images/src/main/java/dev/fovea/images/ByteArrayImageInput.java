package dev.fovea.images;

import java.io.EOFException;
import java.io.IOException;
import javax.imageio.stream.ImageInputStreamImpl;

/**
 * Bytes in memory as ImageIO wants them: no copy, no cache file.
 *
 * <p>Some of the JDK's readers ask for a row of pixels and do not look at how many bytes they got;
 * for them, a {@code strict} stream throws at the end of the file.
 */
final class ByteArrayImageInput extends ImageInputStreamImpl {

  private final byte[] bytes;
  private final boolean strict;

  ByteArrayImageInput(byte[] bytes, boolean strict) {
    this.bytes = bytes;
    this.strict = strict;
  }

  @Override
  public int read() throws IOException {
    checkClosed();
    bitOffset = 0;
    if (streamPos >= bytes.length) {
      return end();
    }
    return bytes[(int) streamPos++] & 0xFF;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    checkClosed();
    bitOffset = 0;
    if (length == 0) {
      return 0;
    }
    int available = (int) Math.max(0, bytes.length - streamPos);
    if (available == 0 || (strict && available < length)) {
      return end();
    }
    int count = Math.min(available, length);
    System.arraycopy(bytes, (int) streamPos, target, offset, count);
    streamPos += count;
    return count;
  }

  private int end() throws EOFException {
    if (strict) {
      throw new EOFException("the file ends too early");
    }
    return -1;
  }

  @Override
  public long length() {
    return bytes.length;
  }
}
