package dev.fovea.cli;

/** t. */
public final class Main {
  private Main() {}

  /** t. */
  public static void main(String[] arguments) {
    System.out.println(String.join(" ", arguments));
  }
}
