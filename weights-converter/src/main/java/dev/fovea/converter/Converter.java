package dev.fovea.converter;

import dev.fovea.CheckpointException;
import dev.fovea.ProgressListener;
import dev.fovea.Registers;
import dev.fovea.checkpoint.ArtifactMetadata;
import dev.fovea.checkpoint.OutputPath;
import dev.fovea.checkpoint.RegistersFile;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Turns weights of any layout into an artifact: one safetensors file with canonical names, whose
 * metadata say everything that is otherwise guessed from a file's origin.
 */
public final class Converter {

  private Converter() {}

  /**
   * Writes an artifact. It appears under its name complete and synced to disk, replacing what was
   * there; if anything goes wrong, or the process is killed, what was there stays. Memory use is
   * small whatever the size of the model.
   *
   * @param source see {@link WeightFiles#open(Path)}; an artifact will do, too
   * @param target the file to write
   * @throws CheckpointException if the source is not a sound model, or the target cannot be written
   * @throws IllegalArgumentException if the target is the source, or the registers are not for this
   *     model, or cannot be in a file
   */
  public static Conversion convert(
      Path source, Path target, ConvertOptions options, ProgressListener listener) {
    Objects.requireNonNull(options, "options");
    Objects.requireNonNull(listener, "listener");
    try (VitWeights weights = WeightFiles.open(source, options.positionPolicy())) {
      refuseToOverwrite(source, target);
      Registers registers = options.registers() == null ? weights.registers() : options.registers();
      registers.check(weights.config(), weights.fingerprint());
      String sha256 = WeightFiles.sha256(source, listener);
      String name = source.toAbsolutePath().normalize().getFileName().toString();
      ArtifactMetadata metadata =
          new ArtifactMetadata(weights.config(), weights.preprocessing(), name, sha256);
      List<TensorInfo> tensors = new ArrayList<>(RegistersFile.tensors(registers));
      for (TensorInfo info : weights.tensors().values()) {
        tensors.add(new TensorInfo(info.name(), options.dtype().name(), info.shape()));
      }
      SafetensorsWriter.write(
          target, tensors, metadata.toMap(registers), source(weights, registers), listener);
      return new Conversion(
          weights.config(),
          weights.preprocessing(),
          registers,
          weights.layout(),
          tensors.size(),
          tensors.stream().mapToLong(TensorInfo::elements).sum(),
          size(target),
          sha256,
          weights.ignored());
    }
  }

  private static SafetensorsWriter.Source source(VitWeights weights, Registers registers) {
    Map<String, float[]> ofRegisters = RegistersFile.elements(registers);
    return (name, first, target, offset, count) -> {
      if (ofRegisters.containsKey(name)) {
        System.arraycopy(ofRegisters.get(name), (int) first, target, offset, count);
      } else {
        weights.read(name, first, target, offset, count);
      }
    };
  }

  private static void refuseToOverwrite(Path source, Path target) {
    try {
      for (Path file : Safetensors.files(source)) {
        if (Files.exists(target) && Files.isSameFile(file, target)) {
          throw new IllegalArgumentException(
              target + " is the source itself; choose another name for the artifact");
        }
      }
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + source + ": " + OutputPath.reason(e), e);
    }
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + " again: " + OutputPath.reason(e), e);
    }
  }
}
