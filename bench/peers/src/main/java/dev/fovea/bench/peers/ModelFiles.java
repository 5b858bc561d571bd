package dev.fovea.bench.peers;

import dev.fovea.CheckpointException;
import dev.fovea.ProgressListener;
import dev.fovea.bench.peers.TorchScriptNetwork.Linears;
import dev.fovea.checkpoint.ArtifactMetadata;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The files that the engines read, all written from the same weights. */
final class ModelFiles {

  private static final Set<String> SIZES = Set.of("small", "base", "large");

  private final Path folder;

  /**
   * Makes an object that writes into a folder.
   *
   * @param folder exists; its files are written over
   */
  ModelFiles(Path folder) {
    this.folder = folder;
  }

  /**
   * The weights that a name stands for.
   *
   * @param model small, base or large (with four registers and weights from a formula), the name of
   *     another such model, or a file or directory
   * @throws CheckpointException if there is no such model
   */
  static VitWeights open(String model) {
    String name = SIZES.contains(model) ? SyntheticCheckpoint.SCHEME + model + "-reg4" : model;
    if (name.startsWith(SyntheticCheckpoint.SCHEME)) {
      return VitWeights.of(new SyntheticCheckpoint(name), null, null, null);
    }
    if (!Files.exists(Path.of(name))) {
      throw new CheckpointException(
          "no model '"
              + model
              + "': expected small, base, large, synthetic:..., or a file or directory");
    }
    return VitWeights.open(Path.of(name));
  }

  /** Writes the artifact that Fovea reads. */
  Path artifact(String model) {
    Path file = folder.resolve("model.safetensors");
    try (VitWeights weights = open(model)) {
      ArtifactMetadata metadata =
          new ArtifactMetadata(weights.config(), weights.preprocessing(), model, "");
      SafetensorsWriter.write(
          file,
          List.copyOf(weights.tensors().values()),
          metadata.toMap(),
          weights::read,
          ProgressListener.NONE);
    }
    return file;
  }

  /** Writes the model that ONNX Runtime reads; the fused one it has optimised itself. */
  Path onnx(ExportedWeights weights, Task task, OnnxForm form) throws IOException {
    Path model = folder.resolve("model.onnx");
    if (form == OnnxForm.EXPORTED) {
      OnnxNetwork.write(form, weights, task, model);
      return model;
    }
    Path fused = folder.resolve("fused.onnx");
    OnnxNetwork.write(form, weights, task, fused);
    OnnxRuntimeRunner.optimise(fused, model);
    for (Path file : List.of(fused, folder.resolve("fused.onnx.data"))) {
      Files.delete(file);
    }
    return model;
  }

  /** Writes the archive that LibTorch reads. */
  Path torchScript(ExportedWeights weights, Task task, Linears linears) throws IOException {
    Path file = folder.resolve("model-" + linears.name().toLowerCase(Locale.ROOT) + ".pt");
    TorchScriptNetwork.write(weights, task, linears, file);
    return file;
  }
}
