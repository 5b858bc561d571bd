package dev.fovea;

import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/**
 * A picture to embed: 8-bit RGB samples, which the engine resizes, crops and normalises; or planes
 * that are already normalised, which go into the model as they are.
 *
 * <p>The arrays are not copied: do not change them while a model reads them.
 */
public sealed interface Image {

  /** Width in pixels. */
  int width();

  /** Height in pixels. */
  int height();

  /**
   * 8-bit RGB.
   *
   * @param samples [height, width, 3], red first
   */
  record Rgb(int width, int height, byte[] samples) implements Image {
    /** Checks the size. */
    public Rgb {
      Objects.requireNonNull(samples, "samples");
      check(width, height, samples.length, "bytes");
    }
  }

  /**
   * Normalised planes.
   *
   * @param samples [3, height, width], red first; finite, and not so large that float32 arithmetic
   *     ends in infinity
   */
  record Planes(int width, int height, float[] samples) implements Image {
    /** Checks the size. */
    public Planes {
      Objects.requireNonNull(samples, "samples");
      check(width, height, samples.length, "floats");
    }
  }

  /** An image of 8-bit RGB samples, [height, width, 3]. */
  static Image rgb(int width, int height, byte[] samples) {
    return new Rgb(width, height, samples);
  }

  /** An image of normalised float planes, [3, height, width]. */
  static Image planes(int width, int height, float[] samples) {
    return new Planes(width, height, samples);
  }

  /**
   * Reads and decodes a file with the default options.
   *
   * @throws ImageException if it cannot be read or decoded
   */
  static Image read(Path file) {
    return read(file, DecodeOptions.DEFAULT);
  }

  /**
   * Reads and decodes a file.
   *
   * @throws ImageException if it cannot be read or decoded
   */
  static Image read(Path file, DecodeOptions options) {
    Objects.requireNonNull(options, "options");
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new ImageException("cannot read " + file + ": " + OutputPath.reason(e), e);
    }
    return decode(bytes, file.toString(), options);
  }

  /**
   * Decodes an encoded image.
   *
   * @param source what to call it in messages
   * @throws ImageException if it cannot be decoded, or no decoder is on the class or module path
   */
  static Image decode(byte[] bytes, String source, DecodeOptions options) {
    return InstalledDecoder.get().decode(bytes, source, options);
  }

  private static void check(int width, int height, int length, String unit) {
    if (width <= 0 || height <= 0 || 3.0 * width * height != length) {
      throw new IllegalArgumentException(
          String.format(
              "an RGB image of %d x %d (width x height) has %s %s, got %d",
              width,
              height,
              BigInteger.valueOf(3L * width).multiply(BigInteger.valueOf(height)),
              unit,
              length));
    }
  }
}
