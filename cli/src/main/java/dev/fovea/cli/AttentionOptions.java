package dev.fovea.cli;

import dev.fovea.analysis.AttentionMaps;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Whose attention is shown, and how much of it. */
final class AttentionOptions {

  @Option(
      names = "--blocks",
      paramLabel = "B",
      split = ",",
      description = "Blocks whose attention is shown, from 0, or all. Default: the last one.")
  private List<String> blocks;

  @Option(
      names = "--mass",
      paramLabel = "M",
      description =
          "Of attention, keep only the patches that get most, as few as hold this share of each map"
              + " (0 to 1).")
  private Double mass;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  /** Indices of the blocks of a network, as the user has ordered them. */
  int[] blocks(int depth) {
    if (blocks == null) {
      return new int[] {depth - 1};
    }
    if (blocks.equals(List.of("all"))) {
      return IntStream.range(0, depth).toArray();
    }
    try {
      return blocks.stream().mapToInt(Integer::parseInt).toArray();
    } catch (NumberFormatException e) {
      throw new ParameterException(
          spec.commandLine(), "--blocks: expected numbers from 0 or all, got " + blocks, e);
    }
  }

  /** The share of each map that is kept, if not all of it. */
  OptionalDouble mass() {
    return mass == null ? OptionalDouble.empty() : OptionalDouble.of(mass);
  }

  /** What is shown of a map. */
  float[] kept(float[] map) {
    return mass == null ? map : AttentionMaps.topMass(map, mass);
  }
}
