package dev.fovea.converter;

import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes the weights of a .pth file in every other layout that is published. */
final class Published {

  /** The ways of publishing. */
  enum Form {
    PTH,
    PTH_WRAPPED,
    ORIGINAL_SAFETENSORS,
    TIMM,
    HUGGING_FACE,
    HUGGING_FACE_2026,
    HUGGING_FACE_SHARDED
  }

  private Published() {}

  /** A file of the test resources. */
  static Path fixture(String name) {
    try {
      return Path.of(Published.class.getResource("/fixtures/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  /** The tensors of a .pth file by their original names, the mask token included. */
  static Map<TensorInfo, float[]> load(Path pth) {
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    try (PthCheckpoint checkpoint = PthCheckpoint.open(pth)) {
      for (TensorInfo info : checkpoint.tensors().values()) {
        float[] values = new float[Math.toIntExact(info.elements())];
        checkpoint.read(info.name(), 0, values, 0, values.length);
        tensors.put(info, values);
      }
    }
    return tensors;
  }

  /** The same model without its registers. */
  static Map<TensorInfo, float[]> withoutRegisters(Map<TensorInfo, float[]> tensors) {
    Map<TensorInfo, float[]> without = new LinkedHashMap<>(tensors);
    without.keySet().removeIf(info -> info.name().equals("register_tokens"));
    return without;
  }

  /** Writes tensors in a form; returns what to convert. */
  static Path write(Map<TensorInfo, float[]> original, Form form, Path folder) {
    try {
      Files.createDirectories(folder);
      return switch (form) {
        case PTH -> Files.write(folder.resolve("model.pth"), pth(original, false));
        case PTH_WRAPPED -> Files.write(folder.resolve("wrapped.pth"), pth(original, true));
        case ORIGINAL_SAFETENSORS -> file(folder.resolve("original.safetensors"), original);
        case TIMM -> file(folder.resolve("timm.safetensors"), timm(original));
        case HUGGING_FACE -> huggingFace(original, folder, Form.HUGGING_FACE);
        case HUGGING_FACE_2026 -> huggingFace(original, folder, Form.HUGGING_FACE_2026);
        case HUGGING_FACE_SHARDED -> sharded(original, folder);
      };
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path file(Path path, Map<TensorInfo, float[]> tensors) {
    SafetensorsWriter.write(path, tensors);
    return path;
  }

  private static byte[] pth(Map<TensorInfo, float[]> tensors, boolean wrapped) {
    PickleWriter pickle = PickleWriter.begin();
    if (wrapped) {
      pickle.op('}').text("teacher");
    }
    pickle.orderedDict().op('(');
    PthBuilder file = new PthBuilder().withDescriptors();
    int key = 0;
    for (Map.Entry<TensorInfo, float[]> tensor : tensors.entrySet()) {
      long[] shape = tensor.getKey().shape().stream().mapToLong(Long::longValue).toArray();
      long[] strides = new long[shape.length];
      long step = 1;
      for (int i = shape.length - 1; i >= 0; i--) {
        strides[i] = step;
        step *= shape[i];
      }
      pickle.text((wrapped ? "backbone." : "") + tensor.getKey().name());
      pickle.tensor("FloatStorage", "" + key, step, 0, shape, strides);
      file.floats("" + key++, tensor.getValue());
    }
    pickle.op('u');
    return file.pickle((wrapped ? pickle.op('s') : pickle).stop()).build();
  }

  /** With registers, the position of CLS is folded into it; SwiGLU takes the names of the MLP. */
  private static Map<TensorInfo, float[]> timm(Map<TensorInfo, float[]> original) {
    boolean folded = original.keySet().stream().anyMatch(i -> i.name().equals("register_tokens"));
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    original.forEach(
        (info, values) -> {
          String name =
              info.name()
                  .replace("register_tokens", "reg_token")
                  .replace("mlp.w12", "mlp.fc1")
                  .replace("mlp.w3", "mlp.fc2");
          int width = Math.toIntExact(info.shape().getLast());
          if (name.equals("cls_token") && folded) {
            tensors.put(info, foldedClass(original));
          } else if (name.equals("pos_embed") && folded) {
            List<Long> shape = List.of(1L, info.shape().get(1) - 1, (long) width);
            tensors.put(
                new TensorInfo(name, "F32", shape),
                Arrays.copyOfRange(values, width, values.length));
          } else if (!name.equals("mask_token")) {
            tensors.put(new TensorInfo(name, "F32", info.shape()), values);
          }
        });
    return tensors;
  }

  /** CLS plus its position. */
  static float[] foldedClass(Map<TensorInfo, float[]> original) {
    float[] folded = values(original, "cls_token").clone();
    float[] position = values(original, "pos_embed");
    for (int i = 0; i < folded.length; i++) {
      folded[i] += position[i];
    }
    return folded;
  }

  static float[] values(Map<TensorInfo, float[]> tensors, String name) {
    return tensors.entrySet().stream()
        .filter(tensor -> tensor.getKey().name().equals(name))
        .findFirst()
        .orElseThrow()
        .getValue();
  }

  private static Path huggingFace(Map<TensorInfo, float[]> original, Path folder, Form form)
      throws IOException {
    SafetensorsWriter.write(folder.resolve("model.safetensors"), renamed(original, form));
    return withConfig(original, folder);
  }

  private static Path sharded(Map<TensorInfo, float[]> original, Path folder) throws IOException {
    List<Map<TensorInfo, float[]>> shards =
        List.of(new LinkedHashMap<>(), new LinkedHashMap<>(), new LinkedHashMap<>());
    List<String> entries = new ArrayList<>();
    int n = 0;
    for (var tensor : renamed(original, Form.HUGGING_FACE).entrySet()) {
      // Names out of order on purpose: the checksum goes by name, not by the index.
      int shard = (n++ * 7) % 3;
      shards.get(shard).put(tensor.getKey(), tensor.getValue());
      entries.add("\"%s\": \"%s\"".formatted(tensor.getKey().name(), shard(shard)));
    }
    for (int i = 0; i < 3; i++) {
      SafetensorsWriter.write(folder.resolve(shard(i)), shards.get(i));
    }
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"weight_map\": {" + String.join(", ", entries) + "}}");
    return withConfig(original, folder);
  }

  private static String shard(int index) {
    return "model-0000%d-of-00003.safetensors".formatted(index + 1);
  }

  private static Path withConfig(Map<TensorInfo, float[]> original, Path folder)
      throws IOException {
    boolean swiglu = original.keySet().stream().anyMatch(i -> i.name().contains("mlp.w12"));
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14,
         "layer_norm_eps": 1e-06, "use_swiglu_ffn": %s}
        """
            .formatted(swiglu));
    return folder;
  }

  private static Map<TensorInfo, float[]> renamed(Map<TensorInfo, float[]> original, Form form) {
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    original.forEach(
        (info, values) -> {
          List<String> names = huggingFaceNames(info.name(), form == Form.HUGGING_FACE_2026);
          List<Long> shape = new ArrayList<>(info.shape());
          shape.set(0, shape.getFirst() / names.size());
          int length = values.length / names.size();
          for (int i = 0; i < names.size(); i++) {
            tensors.put(
                new TensorInfo(names.get(i), "F32", shape),
                Arrays.copyOfRange(values, i * length, (i + 1) * length));
          }
        });
    return tensors;
  }

  private static List<String> huggingFaceNames(String original, boolean newest) {
    String name =
        original
            .replaceFirst("^(cls_token|mask_token|register_tokens)$", "embeddings.$1")
            .replaceFirst("^pos_embed$", "embeddings.position_embeddings")
            .replaceFirst("^patch_embed.proj", "embeddings.patch_embeddings.projection")
            .replaceFirst("^norm\\.", "layernorm.")
            .replaceFirst("^blocks", "encoder.layer")
            .replaceFirst("ls(\\d).gamma", "layer_scale$1.lambda1")
            .replace("attn.proj", newest ? "attention.o_proj" : "attention.output.dense")
            .replace("mlp.w3", newest ? "mlp.down_proj" : "mlp.weights_out");
    if (name.contains("attn.qkv")) {
      return newest
          ? split(name, "attn.qkv", "attention.q_proj", "attention.k_proj", "attention.v_proj")
          : split(
              name,
              "attn.qkv",
              "attention.attention.query",
              "attention.attention.key",
              "attention.attention.value");
    }
    if (name.contains("mlp.w12")) {
      return newest
          ? split(name, "mlp.w12", "mlp.gate_proj", "mlp.up_proj")
          : split(name, "mlp.w12", "mlp.weights_in");
    }
    return List.of(name);
  }

  private static List<String> split(String name, String fused, String... parts) {
    return Arrays.stream(parts).map(part -> name.replace(fused, part)).toList();
  }

  /** Everything behind the header of a safetensors file. */
  static byte[] data(Path safetensors) {
    try {
      ByteBuffer file =
          ByteBuffer.wrap(Files.readAllBytes(safetensors)).order(ByteOrder.LITTLE_ENDIAN);
      int header = Math.toIntExact(file.getLong());
      return Arrays.copyOfRange(file.array(), 8 + header, file.array().length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
