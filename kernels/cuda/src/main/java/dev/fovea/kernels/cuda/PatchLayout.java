package dev.fovea.kernels.cuda;

import java.util.Arrays;

/**
 * Where the samples of a patch lie in an image, and patches beside and below each other: in RGB
 * bytes, [height, width, 3], or in float planes, [3, height, width].
 *
 * <p>A packed patch projection has its inputs in the order of RGB bytes: row of the patch, column,
 * channel.
 */
record PatchLayout(boolean bytes, int height, int width, int patch) {

  PatchLayout(GpuPixels pixels, int patch) {
    this(pixels.lookup() != null, pixels.height(), pixels.width(), patch);
  }

  /** Where the input of channel, row and column of the patch is among the projection's inputs. */
  static int input(int patch, int channel, int row, int column) {
    return (row * patch + column) * 3 + channel;
  }

  int patchesAcross() {
    return width / patch;
  }

  /** Elements from a patch to the one beside it. */
  int patchAcross() {
    return patch * (bytes ? 3 : 1);
  }

  /** Elements from a patch to the one below it. */
  int patchDown() {
    return patch * width * (bytes ? 3 : 1);
  }

  int imageElements() {
    return 3 * height * width;
  }

  /**
   * Of every input of the projection, 4 times its distance from the first sample of the patch's
   * first channel, plus its channel; -1 behind the last.
   */
  int[] offsets(int length) {
    int[] offsets = new int[length];
    Arrays.fill(offsets, -1);
    for (int channel = 0; channel < 3; channel++) {
      for (int row = 0; row < patch; row++) {
        for (int column = 0; column < patch; column++) {
          int distance =
              bytes
                  ? (row * width + column) * 3 + channel
                  : (channel * height + row) * width + column;
          offsets[input(patch, channel, row, column)] =
              Math.addExact(Math.multiplyExact(distance, 4), channel);
        }
      }
    }
    return offsets;
  }
}
