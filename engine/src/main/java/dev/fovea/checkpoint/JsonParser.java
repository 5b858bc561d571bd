package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A recursive-descent JSON parser over bytes; {@link Json} says what it accepts. */
final class JsonParser {

  private static final int MAX_DEPTH = 64;

  /**
   * Enough for a checkpoint of a hundred thousand tensors; small enough that no text, however
   * crafted, fills the heap.
   */
  private static final int MAX_VALUES = 1_000_000;

  private static final int END = -1;

  private final byte[] text;
  private final String what;
  private int at;
  private int depth;
  private int values;

  JsonParser(byte[] text, String what) {
    this.text = text;
    this.what = what;
  }

  Object parse() {
    Object value = value();
    skipWhiteSpace();
    if (at < text.length) {
      throw error("the end", at);
    }
    return value;
  }

  private Object value() {
    if (++values > MAX_VALUES) {
      throw new CheckpointException(what + ": JSON of more than " + MAX_VALUES + " values");
    }
    skipWhiteSpace();
    int c = peek();
    return switch (c) {
      case '{' -> object();
      case '[' -> array();
      case '"' -> string();
      case 't' -> literal("true", true);
      case 'f' -> literal("false", false);
      case 'n' -> literal("null", null);
      default -> {
        if (c == '-' || isDigit(c)) {
          yield number();
        }
        throw error("a value", at);
      }
    };
  }

  private Map<String, Object> object() {
    enter();
    Map<String, Object> members = new LinkedHashMap<>();
    skipWhiteSpace();
    if (peek() == '}') {
      at++;
    } else {
      do {
        member(members);
      } while (another('}'));
    }
    depth--;
    return members;
  }

  private void member(Map<String, Object> members) {
    skipWhiteSpace();
    int start = at;
    if (peek() != '"') {
      throw error("a key in double quotes", at);
    }
    String key = string();
    skipWhiteSpace();
    if (peek() != ':') {
      throw error("':'", at);
    }
    at++;
    Object value = value();
    if (members.containsKey(key)) {
      throw new CheckpointException(
          what + ": duplicate key " + Quoted.of(key) + " in the JSON at byte " + start);
    }
    members.put(key, value);
  }

  private List<Object> array() {
    enter();
    List<Object> items = new ArrayList<>();
    skipWhiteSpace();
    if (peek() == ']') {
      at++;
    } else {
      do {
        items.add(value());
      } while (another(']'));
    }
    depth--;
    return items;
  }

  private void enter() {
    if (++depth > MAX_DEPTH) {
      throw new CheckpointException(
          what + ": JSON nested deeper than " + MAX_DEPTH + " levels at byte " + at);
    }
    at++;
  }

  /** Consumes a comma (true) or the closing bracket (false). */
  private boolean another(char close) {
    skipWhiteSpace();
    int c = peek();
    if (c != ',' && c != close) {
      throw error("',' or '" + close + "'", at);
    }
    at++;
    return c == ',';
  }

  private Object literal(String word, Object value) {
    for (int i = 0; i < word.length(); i++) {
      if (at + i >= text.length || text[at + i] != word.charAt(i)) {
        throw error(word, at);
      }
    }
    at += word.length();
    return value;
  }

  private Object number() {
    int start = at;
    boolean integer = true;
    if (peek() == '-') {
      at++;
    }
    if (peek() == '0') {
      at++;
    } else {
      digits();
    }
    if (peek() == '.') {
      integer = false;
      at++;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      integer = false;
      at++;
      if (peek() == '+' || peek() == '-') {
        at++;
      }
      digits();
    }
    return toNumber(new String(text, start, at - start, StandardCharsets.US_ASCII), integer, start);
  }

  private Number toNumber(String digits, boolean integer, int start) {
    if (integer && digits.length() <= 20) {
      try {
        return Long.valueOf(digits);
      } catch (NumberFormatException e) {
        // Larger than a long: a double, like every other JSON number.
      }
    }
    double value = Double.parseDouble(digits);
    if (Double.isInfinite(value)) {
      throw error("a number that fits a float64", start);
    }
    return value;
  }

  private void digits() {
    if (!isDigit(peek())) {
      throw error("a digit", at);
    }
    while (isDigit(peek())) {
      at++;
    }
  }

  private String string() {
    int start = ++at;
    boolean ascii = true;
    while (true) {
      int c = peek();
      if (c == '"') {
        String run = decode(start, at, ascii);
        at++;
        return run;
      }
      if (c == '\\') {
        return stringWithEscapes(new StringBuilder(decode(start, at, ascii)));
      }
      checkInString(c);
      ascii &= c < 0x80;
      at++;
    }
  }

  private String stringWithEscapes(StringBuilder result) {
    int start = at;
    boolean ascii = true;
    while (true) {
      int c = peek();
      if (c == '"' || c == '\\') {
        result.append(decode(start, at, ascii));
        at++;
        if (c == '"') {
          return result.toString();
        }
        escape(result);
        start = at;
        ascii = true;
      } else {
        checkInString(c);
        ascii &= c < 0x80;
        at++;
      }
    }
  }

  private void checkInString(int c) {
    if (c < ' ') {
      throw error("a character or '\"'", at);
    }
  }

  private void escape(StringBuilder result) {
    int start = at - 1;
    int c = peek();
    at++;
    switch (c) {
      case '"', '\\', '/' -> result.append((char) c);
      case 'b' -> result.append('\b');
      case 'f' -> result.append('\f');
      case 'n' -> result.append('\n');
      case 'r' -> result.append('\r');
      case 't' -> result.append('\t');
      case 'u' -> unicode(result, start);
      default -> throw error("an escape such as \\n", start);
    }
  }

  private void unicode(StringBuilder result, int start) {
    char first = hex();
    result.append(first);
    if (!Character.isSurrogate(first)) {
      return;
    }
    if (Character.isHighSurrogate(first) && peek() == '\\') {
      at++;
      if (peek() == 'u') {
        at++;
        char second = hex();
        if (Character.isLowSurrogate(second)) {
          result.append(second);
          return;
        }
      }
    }
    throw error("a pair of surrogates", start);
  }

  private char hex() {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      int digit = peek() == END ? -1 : Character.digit((char) peek(), 16);
      if (digit < 0) {
        throw error("four hexadecimal digits", at);
      }
      value = value * 16 + digit;
      at++;
    }
    return (char) value;
  }

  private String decode(int start, int end, boolean ascii) {
    if (ascii) {
      return new String(text, start, end - start, StandardCharsets.ISO_8859_1);
    }
    try {
      // A new decoder reports malformed input, the String constructors would replace it.
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(text, start, end - start))
          .toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(
          what + ": invalid UTF-8 in the JSON string at byte " + start, e);
    }
  }

  private void skipWhiteSpace() {
    while (at < text.length
        && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
      at++;
    }
  }

  /** The byte at the cursor, 0..255, or {@link #END}. */
  private int peek() {
    return at < text.length ? text[at] & 0xFF : END;
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  private CheckpointException error(String expected, int position) {
    String got;
    if (position >= text.length) {
      got = "the end of the text";
    } else {
      int c = text[position] & 0xFF;
      got = c > ' ' && c < 0x7F ? "'" + (char) c + "'" : String.format("byte 0x%02x", c);
    }
    return new CheckpointException(
        what + ": invalid JSON at byte " + position + ": expected " + expected + ", got " + got);
  }
}
