package dev.fovea;

import dev.fovea.kernels.Rows;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a request needs of the forward pass.
 *
 * @param projected whether the patches are needed without positions, too
 * @param blocks blocks to compute
 * @param rows tokens that are needed after the last of these blocks
 * @param queries tokens whose attention is needed in the last of these blocks; at least {@code
 *     rows}
 * @param watched for every block, tokens whose attention probabilities are wanted; in the last
 *     block a part of {@code queries}
 * @param normed tokens that go through the final LayerNorm; a part of {@code rows}
 * @param clsBlocks blocks after which CLS alone goes through the final LayerNorm
 */
record Demand(
    boolean projected,
    int blocks,
    Rows rows,
    Rows queries,
    List<Rows> watched,
    Rows normed,
    List<Integer> clsBlocks) {

  /** What is there before the end of the forward pass. */
  private static final Set<Feature> EARLY =
      EnumSet.of(
          Feature.PATCH_EMBEDDINGS,
          Feature.BLOCKS,
          Feature.BLOCK_CLS,
          Feature.HIDDEN,
          Feature.PREFIX_ATTENTION);

  private static final Rows NONE = new Rows(0, 0);

  static Demand of(FeatureRequest request, RegisterEdits edits, int tokens) {
    VitConfig config = edits.config();
    Rows all = new Rows(0, tokens);
    Rows cls = new Rows(0, 1);
    Rows registers = new Rows(1, config.registers());
    Rows patches = new Rows(config.prefix(), tokens - config.prefix());
    int blocks = blocks(request, config);
    Rows normed = NONE;
    Rows watchedLast = NONE;
    Rows rows = NONE;
    Rows queries = NONE;
    for (Feature feature : request.features()) {
      switch (feature) {
        case EMBEDDING -> normed = cover(normed, embeddingRows(request, cls, patches));
        case CLS -> normed = cover(normed, cls);
        case REGISTERS -> normed = cover(normed, registers);
        case PATCHES -> normed = cover(normed, patches);
        case TOKENS -> normed = all;
        case PRENORM_TOKENS -> rows = all;
        case BLOCKS -> rows = request.blocks().getLast() == blocks - 1 ? all : rows;
        case BLOCK_CLS -> rows = request.blocks().getLast() == blocks - 1 ? cover(rows, cls) : rows;
        case HIDDEN -> rows = request.hiddenBlocks().getLast() == blocks - 1 ? all : rows;
        case CLS_ATTENTION -> watchedLast = cover(watchedLast, cls);
        case REGISTER_ATTENTION -> watchedLast = cover(watchedLast, registers);
        case ATTENTION -> watchedLast = all;
        case QUERIES -> queries = all;
        case KEYS, VALUES, REGISTER_KEYS_VALUES, PREFIX_ATTENTION, PATCH_EMBEDDINGS -> {}
      }
    }
    List<Rows> watched = new ArrayList<>(Collections.nCopies(blocks, NONE));
    request.attentionBlocks().forEach(block -> watched.set(block, new Rows(0, config.prefix())));
    if (blocks > 0) {
      watched.set(blocks - 1, cover(watched.getLast(), watchedLast));
      queries = cover(queries, watched.getLast());
    }
    rows = cover(rows, normed);
    if (rows.count() > 0 && edits.gathers(blocks - 1)) {
      rows = all;
    }
    boolean projected = request.wants(Feature.PATCH_EMBEDDINGS);
    List<Integer> clsBlocks = request.wants(Feature.BLOCK_CLS) ? request.blocks() : List.of();
    return new Demand(
        projected, blocks, rows, cover(rows, queries), List.copyOf(watched), normed, clsBlocks);
  }

  /** Blocks up to the last one that something is asked of. */
  private static int blocks(FeatureRequest request, VitConfig config) {
    if (!EARLY.containsAll(request.features())) {
      return config.depth();
    }
    return Stream.of(request.blocks(), request.attentionBlocks(), request.hiddenBlocks())
        .filter(blocks -> !blocks.isEmpty())
        .mapToInt(blocks -> blocks.getLast() + 1)
        .max()
        .orElse(0);
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
