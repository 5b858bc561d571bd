package dev.fovea.cli;

import dev.fovea.checkpoint.OutputPath;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** Where maps over patches go: pictures, arrays, or both. */
final class MapOutputs {

  @Mixin private DrawingOptions drawings;

  @Option(
      names = "--arrays",
      paramLabel = "FILE.safetensors",
      description = "Write the maps as arrays.")
  private Path arrays;

  /** Refuses to compute what goes nowhere, or cannot be written. */
  PictureFolder open(CommandSpec spec) throws IOException {
    if (!drawings.wanted() && arrays == null) {
      throw new ParameterException(
          spec.commandLine(), "nothing to do: ask for pictures with --out or for --arrays");
    }
    if (arrays()) {
      OutputPath.resolve(arrays);
    }
    return drawings.open();
  }

  /** Whether pictures are wanted. */
  boolean pictures() {
    return drawings.wanted();
  }

  /** Whether arrays are wanted. */
  boolean arrays() {
    return arrays != null;
  }

  /**
   * Writes the arrays, if they are wanted, and gives the pictures, which are there, their names.
   */
  void write(PictureFolder pictures, Map<TensorInfo, float[]> tensors) throws IOException {
    if (arrays()) {
      SafetensorsWriter.write(arrays, tensors);
    }
    pictures.commit();
  }
}
