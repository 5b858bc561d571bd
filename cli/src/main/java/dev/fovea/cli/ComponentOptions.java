package dev.fovea.cli;

import dev.fovea.analysis.ComponentColors;
import dev.fovea.analysis.PatchFeatures;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How principal components become colours. */
final class ComponentOptions {

  @Option(
      names = "--foreground",
      paramLabel = "T",
      description =
          "Leave out patches whose first component, scaled to 0 to 1, is not above T; its sign is"
              + " chosen so that the images' edges are low.")
  private Double foreground;

  @Option(
      names = "--deviations",
      defaultValue = "3",
      paramLabel = "S",
      description =
          "Standard deviations that are as dark or bright as can be. Default: ${DEFAULT-VALUE}.")
  private double deviations;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  /** Refuses what no colours can come of, before a model is opened for it. */
  void check() {
    if (!(deviations > 0)) {
      throw new ParameterException(
          spec.commandLine(), "--deviations must be positive, got " + deviations);
    }
  }

  double deviations() {
    return deviations;
  }

  /** The components of all patches, or of those of the foreground. */
  ComponentColors colors(List<PatchFeatures> images) {
    return foreground == null
        ? ComponentColors.of(images)
        : ComponentColors.foreground(images, foreground);
  }
}
