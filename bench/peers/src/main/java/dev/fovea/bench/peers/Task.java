package dev.fovea.bench.peers;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.Arrays;

/**
 * A forward pass to measure, whoever makes it.
 *
 * @param pixels side of the images
 * @param batch images in one call
 */
record Task(int pixels, int batch, Output output) {

  /** For messages. */
  String label() {
    return "%d px, batch %d, %s".formatted(pixels, batch, output.id());
  }

  /** Floats of one normalised image, [3, pixels, pixels]. */
  int imageFloats() {
    return 3 * pixels * pixels;
  }

  /** The images, [batch, 3, pixels, pixels]: noise, the same for every engine. */
  float[] images() {
    return SyntheticCheckpoint.uniform("image", 1, batch * imageFloats());
  }

  /** One image of {@link #images}, [3, pixels, pixels]. */
  float[] image(float[] images, int index) {
    return Arrays.copyOfRange(images, index * imageFloats(), (index + 1) * imageFloats());
  }
}
