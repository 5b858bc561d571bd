package dev.fovea;

import dev.fovea.Preprocessing.Rounding;

/**
 * The part of one axis that a centre crop keeps.
 *
 * @param source first position that is kept
 * @param target where it goes in the crop; what lies before it and after the window is padding
 * @param length number of positions kept
 */
record Window(int source, int target, int length) {

  /** The window of a centre crop: {@code crop} of {@code length} positions; 0 keeps them all. */
  static Window center(int length, int crop, Rounding rounding) {
    if (crop == 0 || crop == length) {
      return new Window(0, 0, length);
    }
    if (crop > length) {
      return new Window(0, padding(crop - length, rounding), length);
    }
    return new Window(start(length - crop, rounding), 0, crop);
  }

  /** torchvision: {@code int(round(excess / 2.0))} of Python; Hugging Face: {@code excess // 2}. */
  private static int start(int excess, Rounding rounding) {
    return switch (rounding) {
      case ORIGINAL -> (int) Math.rint(excess / 2.0);
      case HUGGING_FACE -> excess / 2;
    };
  }

  /** Of an odd number of missing positions, torchvision puts the larger half after the image. */
  private static int padding(int missing, Rounding rounding) {
    return switch (rounding) {
      case ORIGINAL -> missing / 2;
      case HUGGING_FACE -> missing - missing / 2;
    };
  }
}
