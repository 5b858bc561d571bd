package dev.fovea;

import dev.fovea.kernels.Rows;

/**
 * What a request needs of the forward pass.
 *
 * @param blocks blocks to compute
 * @param rows tokens that are needed after the last block
 * @param queries tokens whose attention is needed in the last block; at least {@code rows}
 * @param watched tokens whose attention probabilities are wanted
 * @param normed tokens that go through the final LayerNorm; a part of {@code rows}
 */
record Demand(int blocks, Rows rows, Rows queries, Rows watched, Rows normed) {

  static Demand of(FeatureRequest request, VitConfig config, int tokens) {
    Rows none = new Rows(0, 0);
    Rows all = new Rows(0, tokens);
    Rows cls = new Rows(0, 1);
    Rows registers = new Rows(1, config.registers());
    Rows patches = new Rows(config.prefix(), tokens - config.prefix());
    Rows normed = none;
    Rows watched = none;
    Rows rows = none;
    for (Feature feature : request.features()) {
      switch (feature) {
        case EMBEDDING -> normed = cover(normed, embeddingRows(request, cls, patches));
        case CLS -> normed = cover(normed, cls);
        case REGISTERS -> normed = cover(normed, registers);
        case PATCHES -> normed = cover(normed, patches);
        case TOKENS -> normed = all;
        case PRENORM_TOKENS -> rows = all;
        case BLOCKS -> rows = request.blocks().getLast() == config.depth() - 1 ? all : rows;
        case CLS_ATTENTION -> watched = cover(watched, cls);
        case REGISTER_ATTENTION -> watched = cover(watched, registers);
        case ATTENTION -> watched = all;
        case KEYS -> {}
      }
    }
    rows = cover(rows, normed);
    boolean onlyBlocks = request.features().size() == 1 && request.wants(Feature.BLOCKS);
    int blocks = onlyBlocks ? request.blocks().getLast() + 1 : config.depth();
    return new Demand(blocks, rows, cover(rows, watched), watched, normed);
  }

  private static Rows embeddingRows(FeatureRequest request, Rows cls, Rows patches) {
    return switch (request.pooling()) {
      case CLS -> cls;
      case MEAN -> patches;
      case CLS_MEAN -> cover(cls, patches);
    };
  }

  /** The smallest range that holds both. */
  private static Rows cover(Rows a, Rows b) {
    if (a.count() == 0 || b.count() == 0) {
      return a.count() == 0 ? b : a;
    }
    int first = Math.min(a.first(), b.first());
    return new Rows(first, Math.max(a.end(), b.end()) - first);
  }
}
