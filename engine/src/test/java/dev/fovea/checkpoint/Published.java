package dev.fovea.checkpoint;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What the publishers' files hold: names and shapes of every layout, written out apart from the
 * code under test, and the values of the deterministic synthetic models.
 *
 * @param model whose files they are
 * @param style how the tensors are called
 */
record Published(Model model, Style style) {

  /** Spellings in use. */
  enum Style {
    ORIGINAL,
    ORIGINAL_IN_CHUNKS,
    TIMM,
    HUGGING_FACE,
    HUGGING_FACE_2026
  }

  /** Dimensions. */
  record Model(int width, int depth, int hidden, boolean swiglu, int grid, int registers) {
    static final Model TINY = new Model(128, 2, 512, false, 5, 4);
    static final Model TINY_SWIGLU = new Model(128, 2, 344, true, 5, 4);

    Model withRegisters(int count) {
      return new Model(width, depth, hidden, swiglu, grid, count);
    }
  }

  /**
   * A tensor of a file.
   *
   * @param canonical the tensor that it is, or is a part of
   * @param part index of the part
   * @param parts how many parts the tensor is in
   */
  record Tensor(String name, List<Long> shape, String canonical, int part, int parts) {}

  /** Every tensor of the file, by name. */
  SortedMap<String, Tensor> tensors() {
    SortedMap<String, Tensor> tensors = new TreeMap<>();
    canonicalShapes(model)
        .forEach(
            (canonical, shape) -> {
              List<String> names = names(canonical);
              for (int part = 0; part < names.size(); part++) {
                List<Long> partShape = new ArrayList<>(shape);
                partShape.set(0, shape.getFirst() / names.size());
                if (folded() && canonical.equals("pos_embed")) {
                  partShape.set(1, shape.get(1) - 1);
                }
                String name = names.get(part);
                tensors.put(name, new Tensor(name, partShape, canonical, part, names.size()));
              }
            });
    return tensors;
  }

  private boolean folded() {
    return style == Style.TIMM && model.registers() > 0;
  }

  /** The original's tensors with the mask token. */
  static Map<String, List<Long>> canonicalShapes(Model model) {
    long d = model.width();
    long f = model.hidden();
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    shapes.put("cls_token", List.of(1L, 1L, d));
    shapes.put("mask_token", List.of(1L, d));
    shapes.put("pos_embed", List.of(1L, 1L + (long) model.grid() * model.grid(), d));
    shapes.put("patch_embed.proj.weight", List.of(d, 3L, 14L, 14L));
    shapes.put("patch_embed.proj.bias", List.of(d));
    shapes.put("norm.weight", List.of(d));
    shapes.put("norm.bias", List.of(d));
    if (model.registers() > 0) {
      shapes.put("register_tokens", List.of(1L, (long) model.registers(), d));
    }
    for (int i = 0; i < model.depth(); i++) {
      String block = "blocks." + i + ".";
      for (String vector :
          List.of(
              "norm1.weight",
              "norm1.bias",
              "norm2.weight",
              "norm2.bias",
              "ls1.gamma",
              "ls2.gamma")) {
        shapes.put(block + vector, List.of(d));
      }
      linear(shapes, block + "attn.qkv", 3 * d, d);
      linear(shapes, block + "attn.proj", d, d);
      linear(
          shapes, block + (model.swiglu() ? "mlp.w12" : "mlp.fc1"), model.swiglu() ? 2 * f : f, d);
      linear(shapes, block + (model.swiglu() ? "mlp.w3" : "mlp.fc2"), d, f);
    }
    return shapes;
  }

  private static void linear(Map<String, List<Long>> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", List.of(out, in));
    shapes.put(name + ".bias", List.of(out));
  }

  /** The file's names of a canonical tensor, none if the file does not have it. */
  private List<String> names(String canonical) {
    return switch (style) {
      case ORIGINAL -> List.of(canonical);
      case ORIGINAL_IN_CHUNKS ->
          List.of(canonical.replaceFirst("^blocks\\.(\\d+)", "blocks." + chunk(canonical) + ".$1"));
      case TIMM ->
          canonical.equals("mask_token")
              ? List.of()
              : List.of(
                  canonical
                      .replace("register_tokens", "reg_token")
                      .replace("mlp.w12", "mlp.fc1")
                      .replace("mlp.w3", "mlp.fc2"));
      case HUGGING_FACE, HUGGING_FACE_2026 -> huggingFace(canonical);
    };
  }

  /** Two blocks to a chunk. */
  private static int chunk(String canonical) {
    String[] words = canonical.split("\\.");
    return words[0].equals("blocks") ? Integer.parseInt(words[1]) / 2 : 0;
  }

  private List<String> huggingFace(String canonical) {
    String name =
        canonical
            .replaceFirst("^(cls_token|mask_token|register_tokens)$", "embeddings.$1")
            .replaceFirst("^pos_embed$", "embeddings.position_embeddings")
            .replace("patch_embed.proj", "embeddings.patch_embeddings.projection")
            .replaceFirst("^norm\\.", "layernorm.")
            .replaceFirst("^blocks\\.", "encoder.layer.")
            .replaceFirst("ls([12])\\.gamma", "layer_scale$1.lambda1");
    if (style == Style.HUGGING_FACE) {
      name =
          name.replace("attn.proj", "attention.output.dense")
              .replace("mlp.w12", "mlp.weights_in")
              .replace("mlp.w3", "mlp.weights_out");
      return spread(name, "attn.qkv", "attention.attention.", "query", "key", "value");
    }
    name = name.replace("attn.proj", "attention.o_proj").replace("mlp.w3", "mlp.down_proj");
    return name.contains("mlp.w12")
        ? spread(name, "mlp.w12", "mlp.", "gate_proj", "up_proj")
        : spread(name, "attn.qkv", "attention.", "q_proj", "k_proj", "v_proj");
  }

  private static List<String> spread(String name, String fused, String start, String... parts) {
    return name.contains(fused)
        ? Arrays.stream(parts).map(part -> name.replace(fused, start + part)).toList()
        : List.of(name);
  }

  /** A tensor's values: those of the synthetic model of seed 1, as the layout has them. */
  float[] values(Tensor tensor) {
    float[] whole = synthetic(tensor.canonical());
    if (folded() && tensor.canonical().equals("pos_embed")) {
      return Arrays.copyOfRange(whole, model.width(), whole.length);
    }
    if (folded() && tensor.canonical().equals("cls_token")) {
      float[] position = synthetic("pos_embed");
      for (int i = 0; i < whole.length; i++) {
        whole[i] += position[i];
      }
    }
    int length = whole.length / tensor.parts();
    return Arrays.copyOfRange(whole, tensor.part() * length, (tensor.part() + 1) * length);
  }

  /** The values of a canonical tensor of the synthetic model of seed 1. */
  float[] synthetic(String canonical) {
    List<Long> shape = canonicalShapes(model).get(canonical);
    int count = (int) shape.stream().mapToLong(Long::longValue).reduce(1, (a, b) -> a * b);
    float[] values = uniform(canonical, count);
    float scale = 0.5f;
    float shift = 0;
    if (canonical.matches("(.*\\.)?norm[12]?\\.weight")) {
      scale = 0.2f;
      shift = 1;
    } else if (canonical.endsWith("gamma")) {
      scale = 0.2f;
      shift = 0.3f;
    } else if (canonical.endsWith(".bias")) {
      scale = 0.1f;
    } else if (canonical.endsWith("weight")) {
      scale = (float) (1.2 * Math.sqrt(3.0 / (count / shape.getFirst())));
    }
    for (int i = 0; i < count; i++) {
      values[i] = shift + scale * values[i];
    }
    return values;
  }

  private static float[] uniform(String name, int count) {
    byte[] hash;
    try {
      hash =
          MessageDigest.getInstance("SHA-256")
              .digest(("1:" + name).getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
    long state = 0;
    for (int i = 7; i >= 0; i--) {
      state = state << 8 | (hash[i] & 0xFF);
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      state += 0x9E3779B97F4A7C15L;
      long z = (state ^ (state >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      z ^= z >>> 31;
      values[i] = (float) ((z >>> 40) / (double) (1 << 24) * 2 - 1);
    }
    return values;
  }
}
