package dev.fovea.checkpoint;

import java.util.List;
import java.util.Map;

/**
 * The layouts in which DINOv2 weights are published: which names the tensors have, and which are in
 * pieces. Canonical names are those of {@link #ORIGINAL}.
 */
public enum Layout {
  /** The original code's (facebookresearch/dinov2), and of the artifacts that Fovea writes. */
  ORIGINAL("blocks.", Map.of()),

  /**
   * The one of timm (huggingface/pytorch-image-models). With registers, the position embedding of
   * CLS is already added to {@code cls_token}; SwiGLU goes under the names of the GELU MLP.
   */
  TIMM(
      "blocks.",
      Map.of(
          "register_tokens", List.of(List.of("reg_token")),
          "mlp.w12", List.of(List.of("mlp.fc1")),
          "mlp.w3", List.of(List.of("mlp.fc2")))),

  /**
   * The one of Hugging Face transformers, with the names on the hub and those that its library uses
   * in memory since 2026.
   */
  HUGGING_FACE(
      "encoder.layer.",
      Map.ofEntries(
          Map.entry("cls_token", List.of(List.of("embeddings.cls_token"))),
          Map.entry("register_tokens", List.of(List.of("embeddings.register_tokens"))),
          Map.entry("pos_embed", List.of(List.of("embeddings.position_embeddings"))),
          Map.entry("patch_embed.proj", List.of(List.of("embeddings.patch_embeddings.projection"))),
          Map.entry("norm", List.of(List.of("layernorm"))),
          Map.entry(
              "attn.qkv",
              List.of(
                  List.of(
                      "attention.attention.query",
                      "attention.attention.key",
                      "attention.attention.value"),
                  List.of("attention.q_proj", "attention.k_proj", "attention.v_proj"))),
          Map.entry(
              "attn.proj", List.of(List.of("attention.output.dense"), List.of("attention.o_proj"))),
          Map.entry("ls1.gamma", List.of(List.of("layer_scale1.lambda1"))),
          Map.entry("ls2.gamma", List.of(List.of("layer_scale2.lambda1"))),
          Map.entry(
              "mlp.w12",
              List.of(List.of("mlp.weights_in"), List.of("mlp.gate_proj", "mlp.up_proj"))),
          Map.entry("mlp.w3", List.of(List.of("mlp.weights_out"), List.of("mlp.down_proj")))));

  private final String blocks;

  @SuppressWarnings("ImmutableEnumChecker") // made by Map.of and List.of
  private final Map<String, List<List<String>>> spellings;

  Layout(String blocks, Map<String, List<List<String>>> spellings) {
    this.blocks = blocks;
    this.spellings = spellings;
  }

  /** What the names of all blocks begin with; the number of the block follows. */
  String blocks() {
    return blocks;
  }

  /**
   * The ways to spell a canonical name, without its block and without ".weight" or ".bias". Each is
   * a list of the tensors whose rows, one after another, are the canonical tensor.
   */
  List<List<String>> spellings(String stem) {
    return spellings.getOrDefault(stem, List.of(List.of(stem)));
  }
}
