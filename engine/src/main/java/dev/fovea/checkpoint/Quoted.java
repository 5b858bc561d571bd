package dev.fovea.checkpoint;

import java.util.List;
import java.util.Map;

/** Puts text of unknown origin into messages: quoted, printable, and of bounded length. */
final class Quoted {

  private static final int LONGEST = 120;

  private Quoted() {}

  /** The text in double quotes, what is not printable as an escape, shortened when long. */
  static String of(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    int end = Math.min(text.length(), LONGEST);
    for (int i = 0; i < end; i++) {
      char c = text.charAt(i);
      if (c < ' ' || c > '~' || c == '"' || c == '\\') {
        quoted.append(String.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    if (end < text.length()) {
      quoted.append("...");
    }
    return quoted.append('"').toString();
  }

  /** Any parsed JSON value, shortened when long. */
  static String of(Object value) {
    return switch (value) {
      case null -> "null";
      case String text -> of(text);
      case Number number -> number.toString();
      case Boolean flag -> flag.toString();
      case Map<?, ?> map -> "an object of " + map.size();
      case List<?> list -> list(list);
      default -> of(value.toString());
    };
  }

  private static String list(List<?> list) {
    boolean plain =
        list.size() <= 8
            && list.stream().allMatch(item -> item instanceof Number || item instanceof Boolean);
    return plain ? list.toString() : "a list of " + list.size();
  }
}
