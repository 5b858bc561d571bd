package dev.fovea.bench.gpu;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Rows as Markdown. */
final class Tables {

  private Tables() {}

  /** A table of rows; a column for every key that one of them has. A single row is a list. */
  static String markdown(List<Map<String, Object>> rows) {
    if (rows.size() == 1) {
      return list(rows.getFirst());
    }
    Set<String> keys = new LinkedHashSet<>();
    rows.forEach(row -> keys.addAll(row.keySet()));
    StringBuilder text = new StringBuilder();
    text.append("| ").append(String.join(" | ", keys)).append(" |\n");
    text.append("|---".repeat(keys.size())).append("|\n");
    for (Map<String, Object> row : rows) {
      for (String key : keys) {
        text.append("| ").append(cell(row.get(key))).append(' ');
      }
      text.append("|\n");
    }
    return text.toString();
  }

  private static String list(Map<String, Object> row) {
    StringBuilder text = new StringBuilder();
    row.forEach(
        (key, value) ->
            text.append("- ").append(key).append(": ").append(cell(value)).append('\n'));
    return text.toString();
  }

  private static String cell(Object value) {
    return switch (value) {
      case null -> "";
      case Double number -> number(number);
      case List<?> list -> String.join(", ", list.stream().map(Tables::cell).toList());
      default -> value.toString().replace("|", "/").replace('\n', ' ');
    };
  }

  /** Four digits, small ones with their power of ten. */
  static String number(double number) {
    double size = Math.abs(number);
    if (size != 0 && size < 1e-3) {
      return String.format(Locale.ROOT, "%.2e", number);
    }
    int decimals = size < 10 ? 4 : size < 1000 ? 2 : 0;
    return String.format(Locale.ROOT, "%." + decimals + "f", number);
  }
}
