package dev.fovea.converter;

import dev.fovea.CheckpointException;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.DType;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import java.nio.file.Path;
import java.util.Collection;

/** Describes weights of any layout. */
public final class Inspector {

  private Inspector() {}

  /**
   * Describes the weights in a file or directory.
   *
   * @param source see {@link WeightFiles#open(Path)}
   * @throws CheckpointException if it is not a sound model
   */
  public static Inspection inspect(Path source) {
    try (VitWeights weights = WeightFiles.open(source)) {
      Collection<TensorInfo> tensors = weights.checkpoint().tensors().values();
      return new Inspection(
          weights.source(),
          architecture(weights.config()),
          weights.config(),
          weights.preprocessing(),
          weights.registers(),
          weights.layout(),
          weights.checkpoint().metadata(),
          tensors.stream().toList(),
          weights.ignored(),
          tensors.stream().mapToLong(TensorInfo::elements).sum(),
          tensors.stream().mapToLong(Inspector::bytes).sum());
    }
  }

  /**
   * The architecture in the field's shorthand: "ViT-S/14 with 4 registers"; sizes without a name
   * are width x depth, "ViT-128x2/14 without registers".
   */
  public static String architecture(VitConfig config) {
    String registers =
        switch (config.registers()) {
          case 0 -> "without registers";
          case 1 -> "with 1 register";
          default -> "with " + config.registers() + " registers";
        };
    String size = size(config);
    // SwiGLU goes without saying where every model of that size has it.
    boolean remarkable = (config.mlp() == VitConfig.Mlp.SWIGLU) != size.equals("g");
    return "ViT-%s/%d %s%s"
        .formatted(
            size,
            config.patch(),
            registers,
            remarkable ? config.mlp() == VitConfig.Mlp.SWIGLU ? ", SwiGLU" : ", GELU" : "");
  }

  private static String size(VitConfig config) {
    return switch (config.width() + "x" + config.depth()) {
      case "192x12" -> "Ti";
      case "384x12" -> "S";
      case "768x12" -> "B";
      case "1024x24" -> "L";
      case "1280x32" -> "H";
      case "1536x40" -> "g";
      case String other -> other;
    };
  }

  /** Ignored tensors may be of types that cannot be read; those count as nothing. */
  private static long bytes(TensorInfo info) {
    return DType.find(info.dtype()).map(dtype -> info.elements() * dtype.bytes()).orElse(0L);
  }
}
