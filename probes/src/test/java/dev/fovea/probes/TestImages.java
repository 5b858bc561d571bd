package dev.fovea.probes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Writes pictures as uncompressed BMP. */
final class TestImages {

  private TestImages() {}

  /** Noise around a colour (0xRRGGBB). */
  static Path write(Path file, int width, int height, int colour, long seed) {
    int stride = Math.ceilDiv(3 * width, 4) * 4;
    ByteBuffer bytes = ByteBuffer.allocate(54 + stride * height).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 'B').put((byte) 'M').putInt(bytes.capacity()).putInt(0).putInt(54);
    bytes.putInt(40).putInt(width).putInt(height).putShort((short) 1).putShort((short) 24);
    bytes.position(54);
    Random random = new Random(seed);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        for (int channel = 0; channel < 3; channel++) {
          int value = (colour >> (8 * channel) & 0xff) + random.nextInt(-40, 41);
          bytes.put((byte) Math.clamp(value, 0, 255));
        }
      }
      bytes.position(54 + stride * (y + 1));
    }
    try {
      Files.createDirectories(file.getParent());
      return Files.write(file, bytes.array());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
