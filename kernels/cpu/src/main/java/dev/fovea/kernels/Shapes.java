package dev.fovea.kernels;

/** Size checks with one wording. */
final class Shapes {

  private Shapes() {}

  static void checkNotEmpty(String what, int length) {
    if (length == 0) {
      throw new IllegalArgumentException(what + " is empty, expected at least one element");
    }
  }

  static void check(String what, long got, long expected) {
    if (got != expected) {
      throw new IllegalArgumentException(what + " has " + got + " elements, expected " + expected);
    }
  }
}
