package dev.fovea.bench.gpu;

import dev.fovea.kernels.Activation;
import java.util.List;

/**
 * What decides on the work of a network.
 *
 * @param name of the synthetic model, without its registers
 * @param width channels
 * @param hidden channels between the matrices of the MLP
 * @param gated whether the MLP is SwiGLU
 */
record ModelSize(String name, int width, int hidden, boolean gated) {

  /** All that are published. */
  static final List<ModelSize> PUBLISHED =
      List.of(
          new ModelSize("small", 384, 1536, false),
          new ModelSize("base", 768, 3072, false),
          new ModelSize("large", 1024, 4096, false),
          new ModelSize("giant", 1536, 4096, true));

  /** Side of a patch in pixels. */
  static final int PATCH = 14;

  /** CLS and four registers. */
  static final int PREFIX = 5;

  /** Columns of a head. */
  static final int HEAD = 64;

  /**
   * One matrix product of a block.
   *
   * @param columns of the product, before a gate halves them
   * @param depth columns of what is multiplied
   * @param added whether the product is added to the residual stream; otherwise a LayerNorm is in
   *     front
   */
  record Product(String name, int columns, int depth, Activation activation, boolean added) {}

  /** What the engine opens. */
  String checkpoint() {
    return "synthetic:" + name + "-reg4";
  }

  int heads() {
    return width / HEAD;
  }

  /** Rows of an image. */
  static int tokens(int pixels) {
    return PREFIX + (pixels / PATCH) * (pixels / PATCH);
  }

  /** The products of a block, in its order. */
  List<Product> products() {
    Activation activation = gated ? Activation.SWIGLU : Activation.GELU;
    int first = gated ? 2 * hidden : hidden;
    return List.of(
        new Product("qkv", 3 * width, width, Activation.NONE, false),
        new Product("projection", width, width, Activation.NONE, true),
        new Product("mlp-first", first, width, activation, false),
        new Product("mlp-second", width, hidden, Activation.NONE, true));
  }
}
