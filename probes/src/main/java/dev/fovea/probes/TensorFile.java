package dev.fovea.probes;

import dev.fovea.CheckpointException;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** A safetensors file with all its tensors in memory. */
final class TensorFile {

  private TensorFile() {}

  /** What a file holds; nothing if there is none, or it is damaged. */
  static Optional<Map<String, Tensor>> read(Path file) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try (Checkpoint checkpoint = Safetensors.open(file)) {
      Map<String, Tensor> tensors = new HashMap<>();
      for (TensorInfo info : checkpoint.tensors().values()) {
        float[] values = new float[Math.toIntExact(info.elements())];
        checkpoint.read(info.name(), 0, values, 0, values.length);
        tensors.put(info.name(), new Tensor(info.shape(), values));
      }
      return Optional.of(tensors);
    } catch (CheckpointException e) {
      return Optional.empty();
    }
  }

  /**
   * Writes a file, which appears complete or not at all.
   *
   * @throws CheckpointException if it cannot be written
   */
  static void write(Path file, Map<String, Tensor> tensors) {
    Map<TensorInfo, float[]> infos = new HashMap<>();
    tensors.forEach(
        (name, tensor) -> infos.put(new TensorInfo(name, "F32", tensor.shape()), tensor.values()));
    SafetensorsWriter.write(file, infos);
  }
}
