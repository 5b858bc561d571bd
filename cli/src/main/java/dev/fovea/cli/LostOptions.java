package dev.fovea.cli;

import dev.fovea.analysis.Lost;
import dev.fovea.analysis.PatchFeatures;
import java.util.Locale;
import picocli.CommandLine.Option;

/** How LOST looks for objects. */
final class LostOptions {

  @Option(
      names = "--features",
      defaultValue = "keys",
      paramLabel = "WHICH",
      description =
          "What stands for a patch in LOST: keys (the default), queries or values of the last"
              + " block, or tokens.")
  private PatchFeatures.Source source;

  @Option(
      names = "--normalize",
      description = "In LOST, divide patches' vectors by their lengths first.")
  private boolean normalize;

  @Option(
      names = "--bias",
      defaultValue = "0",
      paramLabel = "B",
      description = "In LOST, add this to every similarity. Default: ${DEFAULT-VALUE}.")
  private double bias;

  @Option(
      names = "--candidates",
      defaultValue = "100",
      paramLabel = "N",
      description = "Patches that may join LOST's seed. Default: ${DEFAULT-VALUE}.")
  private int candidates;

  PatchFeatures.Source source() {
    return source;
  }

  /** The source as the user names it. */
  String sourceName() {
    return source.name().toLowerCase(Locale.ROOT);
  }

  Lost.Settings settings() {
    return new Lost.Settings(normalize, bias, candidates);
  }
}
