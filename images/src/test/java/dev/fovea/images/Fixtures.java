package dev.fovea.images;

import dev.fovea.DecodeOptions;
import dev.fovea.Image;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The files that the tests read. */
final class Fixtures {

  private Fixtures() {}

  /** A file of the folder {@code formats} and what Pillow decodes it to. */
  record Format(String name, int width, int height, String sha256) {

    byte[] bytes() {
      return resource("formats/" + name);
    }

    boolean isLossyWebp() {
      return name.startsWith("lossy");
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Every file of {@code formats/index.txt}, which generate_formats.py writes. */
  static List<Format> formats() {
    return lines("formats/index.txt").stream()
        .map(line -> line.split(" "))
        .map(f -> new Format(f[0], Integer.parseInt(f[1]), Integer.parseInt(f[2]), f[3]))
        .toList();
  }

  /** The lines of a text that are not comments. */
  static List<String> lines(String name) {
    return new String(resource(name), StandardCharsets.UTF_8)
        .lines()
        .filter(line -> !line.startsWith("#"))
        .toList();
  }

  static byte[] resource(String name) {
    try (InputStream in = Fixtures.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new NoSuchFileException(name);
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  static Image.Rgb decode(byte[] bytes, DecodeOptions options) {
    return (Image.Rgb) new ImageIoDecoder().decode(bytes, "the file", options);
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
