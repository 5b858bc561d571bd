package dev.fovea.kernels.cuda.interpreter;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts PTX into tokens. A name keeps its dots: {@code ld.global.v4.u32} and {@code %tid.x} are one
 * token each.
 */
final class Lexer {

  enum Kind {
    NAME,
    NUMBER,
    STRING,
    SYMBOL,
    END
  }

  /**
   * A token.
   *
   * @param line counted from 1
   * @param start offset in the text
   */
  record Token(Kind kind, String text, int line, int start) {

    boolean is(String expected) {
      return kind != Kind.STRING && text.equals(expected);
    }

    @Override
    public String toString() {
      return kind == Kind.END ? "the end" : "'" + text + "'";
    }
  }

  private final String text;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;

  private Lexer(String text) {
    this.text = text;
  }

  static List<Token> tokens(String text) {
    Lexer lexer = new Lexer(text);
    lexer.scan();
    return lexer.tokens;
  }

  private void scan() {
    while (skipBlank()) {
      int start = position;
      char first = text.charAt(position);
      if (first == '"') {
        position = text.indexOf('"', start + 1) + 1;
        if (position == 0) {
          throw new PtxException(line, "a string without an end");
        }
        add(Kind.STRING, start);
      } else if (Character.isDigit(first)) {
        while (position < text.length() && isNumber(text.charAt(position))) {
          position++;
        }
        add(Kind.NUMBER, start);
      } else if (isName(first)) {
        scanName();
        add(Kind.NAME, start);
      } else {
        position++;
        add(Kind.SYMBOL, start);
      }
    }
    tokens.add(new Token(Kind.END, "", line, position));
  }

  private void add(Kind kind, int start) {
    tokens.add(new Token(kind, text.substring(start, position), line, start));
  }

  /**
   * A name goes on over {@code ::}, as in {@code shared::cta}, but not over the colon of a label.
   */
  private void scanName() {
    while (position < text.length()) {
      if (isName(text.charAt(position)) || Character.isDigit(text.charAt(position))) {
        position++;
      } else if (text.startsWith("::", position)) {
        position += 2;
      } else {
        return;
      }
    }
  }

  private static boolean isName(char c) {
    return Character.isLetter(c) || c == '_' || c == '$' || c == '%' || c == '.';
  }

  private static boolean isNumber(char c) {
    return Character.isLetterOrDigit(c) || c == '.';
  }

  /** Skips blanks and comments; false at the end. */
  private boolean skipBlank() {
    while (position < text.length()) {
      char c = text.charAt(position);
      if (c == '\n') {
        line++;
        position++;
      } else if (Character.isWhitespace(c) || c == '\0') {
        position++;
      } else if (text.startsWith("//", position)) {
        int end = text.indexOf('\n', position);
        position = end < 0 ? text.length() : end;
      } else if (text.startsWith("/*", position)) {
        skipComment();
      } else {
        return true;
      }
    }
    return false;
  }

  private void skipComment() {
    int end = text.indexOf("*/", position + 2);
    if (end < 0) {
      throw new PtxException(line, "a comment without an end");
    }
    line += (int) text.substring(position, end).chars().filter(c -> c == '\n').count();
    position = end + 2;
  }
}
