package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Reads and writes JSON (RFC 8259), strictly: what other readers let pass (duplicate keys, trailing
 * garbage, lone surrogates, invalid UTF-8) is an error here, and depth and size are limited,
 * because the text comes with files from anywhere.
 *
 * <p>Values are {@code LinkedHashMap<String, Object>}, {@code ArrayList<Object>}, {@code String},
 * {@code Boolean}, {@code null}, {@code Long} for numbers that are written as integers and fit, and
 * {@code Double} for all others.
 */
public final class Json {

  private Json() {}

  /**
   * Parses one JSON text.
   *
   * @param utf8 the text, and nothing but it and white space
   * @param what the text's name in messages
   * @throws CheckpointException if it is not valid, deeper than 64 levels, or of more than a
   *     million values
   */
  public static Object parse(byte[] utf8, String what) {
    return new JsonParser(utf8, what).parse();
  }

  /**
   * Reads and parses a file.
   *
   * @param maxBytes size from which a file is refused unread
   * @throws CheckpointException if it cannot be read, is larger, or {@link #parse} refuses it
   */
  public static Object read(Path file, int maxBytes) {
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          "cannot read " + file + ": " + (Files.exists(file) ? "not a file" : "no such file"));
    }
    byte[] utf8;
    try (InputStream in = Files.newInputStream(file)) {
      utf8 = in.readNBytes(maxBytes);
      if (in.read() >= 0) {
        throw new CheckpointException(
            file + ": a JSON file of at most " + maxBytes + " bytes was expected, this is larger");
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + ": " + OutputPath.reason(e), e);
    }
    return parse(utf8, file.toString());
  }

  /**
   * Writes a value as compact JSON, object members in the map's order.
   *
   * @param value of the kinds that {@link #parse} returns; any finite {@link Number} will do
   * @throws IllegalArgumentException if it is, or contains, anything else
   */
  public static String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(value, out);
    return out.toString();
  }

  private static void write(Object value, StringBuilder out) {
    switch (value) {
      case null -> out.append("null");
      case String text -> writeString(text, out);
      case Boolean flag -> out.append(flag);
      case Number number -> writeNumber(number, out);
      case Map<?, ?> map -> writeObject(map, out);
      case List<?> list -> writeArray(list, out);
      default ->
          throw new IllegalArgumentException("JSON has no way to write a " + value.getClass());
    }
  }

  private static void writeNumber(Number number, StringBuilder out) {
    if (!Double.isFinite(number.doubleValue())) {
      throw new IllegalArgumentException("JSON has no way to write " + number);
    }
    out.append(number);
  }

  private static void writeObject(Map<?, ?> map, StringBuilder out) {
    String separator = "{";
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      out.append(separator);
      if (!(entry.getKey() instanceof String key)) {
        throw new IllegalArgumentException("a JSON key must be a string, got " + entry.getKey());
      }
      writeString(key, out);
      out.append(':');
      write(entry.getValue(), out);
      separator = ",";
    }
    out.append(map.isEmpty() ? "{}" : "}");
  }

  private static void writeArray(List<?> list, StringBuilder out) {
    String separator = "[";
    for (Object item : list) {
      out.append(separator);
      write(item, out);
      separator = ",";
    }
    out.append(list.isEmpty() ? "[]" : "]");
  }

  private static void writeString(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        if (!Character.isHighSurrogate(c)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          throw new IllegalArgumentException("lone surrogate at " + i + " of a JSON string");
        }
        out.append(c).append(text.charAt(++i));
      } else if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ') {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }
}
