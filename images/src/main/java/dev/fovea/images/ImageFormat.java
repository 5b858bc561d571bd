package dev.fovea.images;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** The formats that are read, recognised by their first bytes and never by a file's name. */
@SuppressWarnings("ImmutableEnumChecker") // Nothing changes a reader or a signature.
enum ImageFormat {
  JPEG("JPEG", new JpegFormat(), "\u00FF\u00D8\u00FF"),
  PNG("PNG", new PngFormat(), "\u0089PNG\r\n\u001A\n"),
  GIF("GIF", new GifFormat(), "GIF87a", "GIF89a"),
  BMP("BMP", new BmpFormat(), "BM"),
  WEBP("WebP", new WebpFormat(), "RIFF????WEBP"),
  TIFF("TIFF", new TiffFormat(), "II*\0", "MM\0*");

  private final String label;
  private final FormatReader reader;
  private final String[] signatures;

  /** A signature is a string of bytes, of which a question mark stands for any. */
  ImageFormat(String label, FormatReader reader, String... signatures) {
    this.label = label;
    this.reader = reader;
    this.signatures = signatures;
  }

  /** The format of a file, if it is one of these. */
  static Optional<ImageFormat> of(byte[] bytes) {
    String start = new String(bytes, 0, Math.min(12, bytes.length), StandardCharsets.ISO_8859_1);
    return Arrays.stream(values())
        .filter(format -> Arrays.stream(format.signatures).anyMatch(s -> matches(start, s)))
        .findFirst();
  }

  private static boolean matches(String start, String signature) {
    if (start.length() < signature.length()) {
      return false;
    }
    for (int i = 0; i < signature.length(); i++) {
      if (signature.charAt(i) != '?' && signature.charAt(i) != start.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /** The formats' names, for messages. */
  static String labels() {
    return Arrays.stream(values()).map(ImageFormat::label).collect(Collectors.joining(", "));
  }

  /** The name that people know the format by. */
  String label() {
    return label;
  }

  /** Decodes files of this format. */
  FormatReader reader() {
    return reader;
  }
}
