package dev.fovea.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/** Numbers as people read them. */
final class Numbers {

  private Numbers() {}

  static String oneDecimal(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  /** Several, or "none". */
  static String oneDecimal(float[] values) {
    List<String> texts = new ArrayList<>();
    for (float value : values) {
      texts.add(oneDecimal(value));
    }
    return texts.isEmpty() ? "none" : String.join(" ", texts);
  }

  /** The number, or "none". */
  static String text(OptionalDouble value, String format) {
    return value.isPresent() ? String.format(Locale.ROOT, format, value.getAsDouble()) : "none";
  }
}
