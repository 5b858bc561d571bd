package dev.fovea;

/**
 * Turns encoded bytes (JPEG, PNG, ...) into RGB. Found by {@link java.util.ServiceLoader}; the
 * module {@code fovea-images} has one, and an application may bring its own.
 */
public interface ImageDecoder {

  /**
   * Decodes an image.
   *
   * @param bytes the whole file
   * @param source what to call it in messages
   * @throws ImageException if the bytes are not an image of a known kind, are damaged, or describe
   *     more pixels than the options allow
   */
  Image decode(byte[] bytes, String source, DecodeOptions options);
}
