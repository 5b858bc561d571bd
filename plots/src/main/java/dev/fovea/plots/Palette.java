package dev.fovea.plots;

import java.awt.Color;
import java.util.Arrays;

/** Colours for things that have numbers but no order. */
public final class Palette {

  /** How many colours there are. */
  public static final int COLORS = 24;

  private static final int HUES = 8;

  private Palette() {}

  /**
   * A colour for each number, from 0; neighbours in number are far apart in hue.
   *
   * @throws IllegalArgumentException if there are not as many colours
   */
  public static int[] of(int[] numbers) {
    return Arrays.stream(numbers).map(Palette::of).toArray();
  }

  private static int of(int number) {
    if (number < 0 || number >= COLORS) {
      throw new IllegalArgumentException(
          "there are colours for 0 to %d, not for %d".formatted(COLORS - 1, number));
    }
    int round = number / HUES;
    float hue = (number * 3 % HUES + round / 3f) / HUES;
    float saturation = 0.85f - 0.2f * round;
    return Color.HSBtoRGB(hue, saturation, 0.95f) & 0xffffff;
  }
}
