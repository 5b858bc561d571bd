package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import dev.fovea.VitConfig;

/**
 * The config.json of a Hugging Face directory. Only heads and epsilon are taken from it; the rest
 * is compared with the tensors, as far as it is there.
 *
 * <p>Not looked at are {@code stage_names} and {@code out_features}, which published configurations
 * of the large models have wrong; {@code interpolate_*}, which no current reader uses; {@code
 * image_size}, of which the tensor of position embeddings knows better; and {@code model_type},
 * which does not tell whether there are registers.
 */
final class HuggingFaceConfig {

  private HuggingFaceConfig() {}

  /**
   * Compares with the tensors.
   *
   * @throws CheckpointException if they disagree, or the configuration asks for what is not
   *     supported
   */
  static void check(JsonObject json, Geometry geometry) {
    same(json, "hidden_size", geometry.width());
    same(json, "num_hidden_layers", geometry.depth());
    same(json, "num_register_tokens", geometry.registers());
    same(json, "patch_size", geometry.patch());
    same(json, "num_channels", 3);
    if (json.has("use_swiglu_ffn")) {
      boolean swiglu = json.flag("use_swiglu_ffn");
      if (swiglu != (geometry.mlp() == VitConfig.Mlp.SWIGLU)) {
        throw differs(json, "use_swiglu_ffn", swiglu, geometry.mlp() + " in the MLP");
      }
    }
    if (json.has("mlp_ratio") && json.has("hidden_size")) {
      checkHidden(json, geometry);
    }
    if (json.has("hidden_act")
        && geometry.mlp() == VitConfig.Mlp.GELU
        && !json.text("hidden_act").equals("gelu")) {
      throw new CheckpointException(
          json.what()
              + ": expected \"gelu\" for \"hidden_act\", got "
              + Quoted.of(json.text("hidden_act")));
    }
  }

  private static void same(JsonObject json, String key, int actual) {
    if (json.has(key) && json.count(key) != actual) {
      throw differs(json, key, json.count(key), actual);
    }
  }

  /** SwiGLU takes two thirds of the width a GELU MLP would have, rounded up to a multiple of 8. */
  private static void checkHidden(JsonObject json, Geometry geometry) {
    int hidden = (int) (geometry.width() * json.number("mlp_ratio"));
    if (geometry.mlp() == VitConfig.Mlp.SWIGLU) {
      hidden = ((int) (hidden * 2L / 3) + 7) / 8 * 8;
    }
    if (hidden != geometry.hidden()) {
      throw differs(
          json,
          "mlp_ratio",
          json.required("mlp_ratio") + " (" + hidden + " hidden channels)",
          geometry.hidden());
    }
  }

  private static CheckpointException differs(
      JsonObject json, String key, Object configured, Object actual) {
    return new CheckpointException(
        String.format(
            "%s: \"%s\" is %s, the tensors have %s; is this the configuration of another model?%s",
            json.what(),
            key,
            configured,
            actual,
            key.equals("hidden_size") ? sizes(configured, actual) : ""));
  }

  private static String sizes(Object configured, Object actual) {
    return String.format(" (%s loaded as %s)", model(actual), model(configured));
  }

  private static String model(Object width) {
    return switch (width) {
      case Integer w when w == 384 -> "a ViT-S";
      case Integer w when w == 768 -> "a ViT-B";
      case Integer w when w == 1024 -> "a ViT-L";
      case Integer w when w == 1536 -> "a ViT-g";
      default -> "width " + width;
    };
  }

  /**
   * Attention heads; without a number, as many as there are 64 channels, which holds for every
   * published model.
   *
   * @param json may be null
   */
  static int heads(JsonObject json, Geometry geometry, String source) {
    int width = geometry.width();
    if (json != null && json.has("num_attention_heads")) {
      int heads = json.count("num_attention_heads");
      if (heads == 0 || width % heads != 0) {
        throw new CheckpointException(
            json.what()
                + ": expected \"num_attention_heads\" to divide "
                + width
                + " channels, got "
                + heads);
      }
      return heads;
    }
    if (width % 64 != 0) {
      throw new CheckpointException(
          source
              + ": "
              + width
              + " channels are not heads of 64; a config.json with num_attention_heads must say how"
              + " many there are");
    }
    return width / 64;
  }

  /**
   * Epsilon of every LayerNorm, by default DINOv2's.
   *
   * @param json may be null
   */
  static float epsilon(JsonObject json) {
    if (json == null || !json.has("layer_norm_eps")) {
      return 1e-6f;
    }
    float epsilon = (float) json.number("layer_norm_eps");
    if (!(epsilon > 0) || epsilon > 1) {
      throw new CheckpointException(
          json.what()
              + ": expected \"layer_norm_eps\" in (0, 1], got "
              + json.number("layer_norm_eps"));
    }
    return epsilon;
  }
}
