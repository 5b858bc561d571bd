package dev.fovea.bench.gpu;

import dev.fovea.checkpoint.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The rows of one stage. The file is complete after every row: an array of one object a line. */
final class Results {

  private static final int MOST_BYTES = 64 << 20;

  private final Path file;
  private final List<Map<String, Object>> rows = new ArrayList<>();

  /** Starts a file, which is written with the first row; that of an earlier run goes. */
  Results(Path file) {
    this.file = file;
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Adds a row and writes the file. */
  void add(Map<String, Object> row) {
    rows.add(new LinkedHashMap<>(row));
    StringBuilder text = new StringBuilder();
    String separator = "[\n";
    for (Map<String, Object> each : rows) {
      text.append(separator).append(Json.write(each));
      separator = ",\n";
    }
    write(file, text.append("\n]\n").toString());
  }

  /** All rows that were added. */
  List<Map<String, Object>> rows() {
    return List.copyOf(rows);
  }

  /** The rows of what must hold and does not. */
  List<Map<String, Object>> failures() {
    return rows.stream().filter(row -> Boolean.FALSE.equals(row.get("pass"))).toList();
  }

  /** Writes a file that is there whole or not at all. */
  static void write(Path file, String text) {
    Path partial = file.resolveSibling(file.getFileName() + ".partial");
    try {
      Files.writeString(partial, text);
      Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The rows of a file; none if it is not there. */
  static List<Map<String, Object>> read(Path file) {
    List<Map<String, Object>> rows = new ArrayList<>();
    if (Files.exists(file) && Json.read(file, MOST_BYTES) instanceof List<?> list) {
      for (Object element : list) {
        Map<String, Object> row = new LinkedHashMap<>();
        if (element instanceof Map<?, ?> map) {
          map.forEach((key, value) -> row.put((String) key, value));
        }
        rows.add(row);
      }
    }
    return rows;
  }

  /** A row's keys and values, in this order; null values are left out. */
  static Map<String, Object> row(Object... keysAndValues) {
    Map<String, Object> row = new LinkedHashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      Object value = keysAndValues[i + 1];
      if (value != null) {
        row.put((String) keysAndValues[i], finite(value));
      }
    }
    return row;
  }

  /** One row of the keys of several, in this order. */
  @SafeVarargs
  static Map<String, Object> joined(Map<String, Object>... parts) {
    Map<String, Object> row = new LinkedHashMap<>();
    for (Map<String, Object> part : parts) {
      row.putAll(part);
    }
    return row;
  }

  /** JSON has no way to write numbers that are none. */
  private static Object finite(Object value) {
    return value instanceof Double number && !Double.isFinite(number) ? number.toString() : value;
  }
}
