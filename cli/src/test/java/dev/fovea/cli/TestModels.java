package dev.fovea.cli;

import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Models as files, of tiny weights from the formula. */
final class TestModels {

  /** Where the two flat patches of {@link #PLANTED_PIXELS} are, of 8 x 8. */
  static final List<Integer> PLANTED_PATCHES = List.of(19, 44);

  /** The neuron of block 1 that makes outliers of flat patches. */
  static final int PLANTED_NEURON = 37;

  private static final Path PLANTED =
      Path.of("..", "engine", "src", "test", "resources", "goldens", "tiny-outlier-reg0");

  /** A file for --pixels. */
  static final Path PLANTED_PIXELS = PLANTED.resolve("golden.safetensors");

  private TestModels() {}

  /** The tensors of a synthetic model, by the original's names. */
  static Map<TensorInfo, float[]> tensors(String synthetic) {
    try (Checkpoint checkpoint = new SyntheticCheckpoint(synthetic)) {
      return tensors(checkpoint);
    }
  }

  private static Map<TensorInfo, float[]> tensors(Checkpoint checkpoint) {
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    for (TensorInfo info : checkpoint.tensors().values()) {
      float[] values = new float[Math.toIntExact(info.elements())];
      checkpoint.read(info.name(), 0, values, 0, values.length);
      tensors.put(info, values);
    }
    return tensors;
  }

  /** Writes the model without registers whose outliers are known, as the engine's tests have it. */
  static Path writePlantedOutliers(Path file) {
    Map<TensorInfo, float[]> tensors = tensors("synthetic:tiny@101");
    try (Checkpoint planted = Safetensors.open(PLANTED.resolve("planted.safetensors"))) {
      plant(tensors, "fc1.bias", planted, 1);
      plant(tensors, "fc1.weight", planted, 1);
      plant(tensors, "fc2.weight", planted, 512);
    }
    SafetensorsWriter.write(file, tensors);
    return file;
  }

  /**
   * Replaces what belongs to the neuron.
   *
   * @param step from one of its elements to the next: 1 of a row, the columns of a column
   */
  private static void plant(
      Map<TensorInfo, float[]> tensors, String name, Checkpoint planted, int step) {
    float[] elements = new float[Math.toIntExact(planted.tensor(name).elements())];
    planted.read(name, 0, elements, 0, elements.length);
    float[] values =
        tensors.entrySet().stream()
            .filter(entry -> entry.getKey().name().equals("blocks.1.mlp." + name))
            .findFirst()
            .orElseThrow()
            .getValue();
    int first = PLANTED_NEURON * (step == 1 ? elements.length : 1);
    for (int i = 0; i < elements.length; i++) {
      values[first + i * step] = elements[i];
    }
  }

  /**
   * Writes a directory as Hugging Face's classifiers are: the names of its library, a configuration
   * that names the classes, and the head among the weights.
   *
   * @param weight [classes, 2 * width]
   */
  static Path writeHuggingFaceClassifier(
      Path folder, String synthetic, float[] weight, float[] bias, String id2label)
      throws IOException {
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    tensors(synthetic)
        .forEach(
            (info, values) -> {
              List<String> names = huggingFaceNames(info.name());
              List<Long> shape = new ArrayList<>(info.shape());
              shape.set(0, shape.getFirst() / names.size());
              int length = values.length / names.size();
              for (int i = 0; i < names.size(); i++) {
                tensors.put(
                    new TensorInfo("dinov2_with_registers." + names.get(i), "F32", shape),
                    Arrays.copyOfRange(values, i * length, (i + 1) * length));
              }
            });
    long classes = bias.length;
    tensors.put(
        new TensorInfo("classifier.weight", "F32", List.of(classes, weight.length / classes)),
        weight);
    tensors.put(new TensorInfo("classifier.bias", "F32", List.of(classes)), bias);
    Files.createDirectories(folder);
    SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors);
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"architectures": ["Dinov2WithRegistersForImageClassification"],
         "model_type": "dinov2_with_registers", "hidden_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_register_tokens": 4, "patch_size": 14, "mlp_ratio": 4,
         "hidden_act": "gelu", "layer_norm_eps": 1e-06, "use_swiglu_ffn": false,
         "id2label": %s}
        """
            .formatted(id2label));
    return folder;
  }

  private static List<String> huggingFaceNames(String original) {
    String name =
        original
            .replaceFirst("^(cls_token|mask_token|register_tokens)$", "embeddings.$1")
            .replaceFirst("^pos_embed$", "embeddings.position_embeddings")
            .replaceFirst("^patch_embed.proj", "embeddings.patch_embeddings.projection")
            .replaceFirst("^norm\\.", "layernorm.")
            .replaceFirst("^blocks", "encoder.layer")
            .replaceFirst("ls(\\d).gamma", "layer_scale$1.lambda1")
            .replace("attn.proj", "attention.output.dense");
    return name.contains("attn.qkv")
        ? List.of("query", "key", "value").stream()
            .map(part -> name.replace("attn.qkv", "attention.attention." + part))
            .toList()
        : List.of(name);
  }
}
