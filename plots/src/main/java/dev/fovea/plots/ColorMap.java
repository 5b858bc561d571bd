package dev.fovea.plots;

import java.awt.Color;

/** From a number to a colour whose brightness grows with it: dark blue, green, yellow (viridis). */
final class ColorMap {

  /** Equally spaced colours of Matplotlib's viridis, which is in the public domain (CC0). */
  private static final int[] COLORS = {
    0x440154, 0x482475, 0x414487, 0x355f8d, 0x2a788e, 0x21918c, 0x22a884, 0x44bf70, 0x7ad151,
    0xbddf26, 0xfde725
  };

  private ColorMap() {}

  /**
   * The colour of a value.
   *
   * @param value from 0 to 1; what is beyond has the colour of the nearer end, NaN that of 0
   */
  static Color of(double value) {
    double place = Math.clamp(Double.isNaN(value) ? 0 : value, 0.0, 1.0) * (COLORS.length - 1);
    int below = Math.min((int) place, COLORS.length - 2);
    return blend(new Color(COLORS[below]), new Color(COLORS[below + 1]), place - below);
  }

  /** A colour on the way from one to another. */
  static Color blend(Color from, Color to, double part) {
    return new Color(
        mix(from.getRed(), to.getRed(), part),
        mix(from.getGreen(), to.getGreen(), part),
        mix(from.getBlue(), to.getBlue(), part));
  }

  private static int mix(int from, int to, double part) {
    return (int) Math.round(from + part * (to - from));
  }
}
