package dev.fovea.images;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import javax.imageio.IIOException;

/**
 * What a JPEG file's header says about its colours.
 *
 * @param colors what the components are
 */
record JpegHeader(Colors colors) {

  /** What the components of a picture are. */
  enum Colors {
    GRAY,
    RGB,
    YCBCR,
    CMYK,
    /** YCbCr of the inverted inks, and black. */
    YCCK
  }

  private static final int NO_ADOBE = -1;

  /** Reads the markers up to the first scan. */
  static JpegHeader read(byte[] bytes) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(bytes).position(2);
    boolean jfif = false;
    int adobe = NO_ADOBE;
    byte[] components = {};
    for (int marker = nextMarker(in); marker != 0xDA; marker = nextMarker(in)) {
      if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
        continue; // stands alone, without a segment
      }
      ByteBuffer segment = nextSegment(in);
      if (marker == 0xE0) {
        jfif |= startsWith(segment, "JFIF\0");
      } else if (marker == 0xEE && segment.remaining() >= 12 && startsWith(segment, "Adobe")) {
        adobe = segment.get(11) & 0xFF;
      } else if (isFrame(marker)) {
        components = componentIds(segment);
      }
    }
    return new JpegHeader(colors(components, jfif, adobe));
  }

  private static int nextMarker(ByteBuffer in) throws IOException {
    while (in.remaining() >= 2) {
      if ((in.get() & 0xFF) == 0xFF) {
        int marker = in.get() & 0xFF;
        if (marker == 0xFF) {
          in.position(in.position() - 1); // a fill byte
        } else if (marker != 0) {
          return marker;
        }
      }
    }
    throw new EOFException("the file ends before its first scan");
  }

  private static ByteBuffer nextSegment(ByteBuffer in) throws IOException {
    int length = in.remaining() < 2 ? 0 : (in.getShort() & 0xFFFF) - 2;
    if (length < 0 || length > in.remaining()) {
      throw new EOFException("a marker's segment goes beyond the end of the file");
    }
    ByteBuffer segment = in.slice(in.position(), length);
    in.position(in.position() + length);
    return segment;
  }

  private static boolean startsWith(ByteBuffer segment, String text) {
    byte[] expected = text.getBytes(StandardCharsets.ISO_8859_1);
    return segment.remaining() >= expected.length
        && segment.slice(0, expected.length).equals(ByteBuffer.wrap(expected));
  }

  /** Start-of-frame markers are C0 to CF without DHT (C4), JPG (C8) and DAC (CC). */
  private static boolean isFrame(int marker) {
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
  }

  private static byte[] componentIds(ByteBuffer frame) throws IOException {
    int count = frame.remaining() < 6 ? 0 : frame.get(5) & 0xFF;
    if (frame.remaining() < 6 + 3 * count) {
      throw new EOFException("the frame header is too short");
    }
    byte[] ids = new byte[count];
    for (int i = 0; i < count; i++) {
      ids[i] = frame.get(6 + 3 * i);
    }
    return ids;
  }

  /** As libjpeg's {@code default_decompress_parms} decides. */
  private static Colors colors(byte[] ids, boolean jfif, int adobe) throws IOException {
    return switch (ids.length) {
      case 1 -> Colors.GRAY;
      case 3 -> {
        boolean named = ids[0] == 'R' && ids[1] == 'G' && ids[2] == 'B';
        boolean rgb = !jfif && (adobe == NO_ADOBE ? named : adobe == 0);
        yield rgb ? Colors.RGB : Colors.YCBCR;
      }
      case 4 -> adobe == NO_ADOBE || adobe == 0 ? Colors.CMYK : Colors.YCCK;
      default -> throw new IIOException(ids.length + " components; 1, 3 or 4 are supported");
    };
  }
}
