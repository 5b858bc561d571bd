package dev.fovea.images;

import dev.fovea.Image;
import java.io.IOException;

/** Decodes files of one format. */
@FunctionalInterface
interface FormatReader {

  /**
   * Decodes a file, as stored: no colour management, no orientation.
   *
   * @throws IOException if the file is damaged or uses a feature that is not supported; any
   *     unchecked exception but {@link dev.fovea.ImageException} means the same, since the parsers
   *     underneath throw them on damaged input
   */
  Image.Rgb read(EncodedImage file) throws IOException;
}
