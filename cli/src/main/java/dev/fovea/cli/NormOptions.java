package dev.fovea.cli;

import picocli.CommandLine.Option;

/** Whose norms are looked at, and where. */
final class NormOptions {

  @Option(
      names = "--compare",
      paramLabel = "MODEL",
      description =
          "A second model for the same images, opened with the same options but with its own"
              + " registers.")
  private String compare;

  @Option(
      names = "--block",
      paramLabel = "B",
      description = "The block after which norms are looked at, from 0. Default: the last one.")
  private Integer block;

  /** The second model, or null. */
  String compared() {
    return compare;
  }

  /** The block that was asked for, or null. */
  Integer block() {
    return block;
  }
}
