package dev.fovea.kernels;

/** Size checks with one wording. */
final class Shapes {

  private Shapes() {}

  static void check(String what, long got, long expected) {
    if (got != expected) {
      throw new IllegalArgumentException(what + " has " + got + " elements, expected " + expected);
    }
  }
}
