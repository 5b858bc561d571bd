package dev.fovea;

import dev.fovea.kernels.Pooling;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Which outputs a caller wants. The forward pass computes what they need and no more: a request for
 * CLS alone leaves out most of the last block, a request for block 3 stops after block 3.
 *
 * <p>Immutable; make one and keep it, a model caches its plan by it.
 *
 * @param features the outputs
 * @param blocks for {@link Feature#BLOCKS} and {@link Feature#BLOCK_CLS}: indices from 0, ascending
 * @param attentionBlocks for {@link Feature#PREFIX_ATTENTION}: indices from 0, ascending
 * @param hiddenBlocks for {@link Feature#HIDDEN}: indices from 0, ascending
 * @param pooling for {@link Feature#EMBEDDING}: how tokens become one vector
 * @param normalize for {@link Feature#EMBEDDING}: whether it is divided by its L2 norm
 * @param registers what stands in the place of registers; null for the model's own choice
 */
public record FeatureRequest(
    Set<Feature> features,
    List<Integer> blocks,
    List<Integer> attentionBlocks,
    List<Integer> hiddenBlocks,
    Pooling pooling,
    boolean normalize,
    Registers registers) {

  /** Checks that something is asked for, and that blocks are named if and only if wanted. */
  public FeatureRequest {
    Objects.requireNonNull(pooling, "pooling");
    if (features.isEmpty()) {
      throw new IllegalArgumentException("a request needs at least one feature");
    }
    features = Collections.unmodifiableSet(EnumSet.copyOf(features));
    blocks = blocks.stream().distinct().sorted().toList();
    attentionBlocks = attentionBlocks.stream().distinct().sorted().toList();
    hiddenBlocks = hiddenBlocks.stream().distinct().sorted().toList();
    Feature ofBlocks = features.contains(Feature.BLOCK_CLS) ? Feature.BLOCK_CLS : Feature.BLOCKS;
    check(features, ofBlocks, blocks, "withBlocks or withBlockCls");
    check(features, Feature.PREFIX_ATTENTION, attentionBlocks, "withPrefixAttention");
    check(features, Feature.HIDDEN, hiddenBlocks, "withHidden");
  }

  private static void check(
      Set<Feature> features, Feature feature, List<Integer> indices, String method) {
    if (features.contains(feature) == indices.isEmpty()) {
      throw new IllegalArgumentException(
          "ask for blocks with %s(...): got %s %s"
              .formatted(
                  method,
                  feature,
                  indices.isEmpty() ? "without indices" : "missing for indices " + indices));
    }
    if (!indices.isEmpty() && indices.getFirst() < 0) {
      throw new IllegalArgumentException("block " + indices.getFirst() + " does not exist");
    }
  }

  /**
   * A request for these outputs; {@link Feature#BLOCKS}, {@link Feature#BLOCK_CLS}, {@link
   * Feature#PREFIX_ATTENTION} and {@link Feature#HIDDEN} are asked for by {@link #withBlocks},
   * {@link #withBlockCls}, {@link #withPrefixAttention} and {@link #withHidden}.
   */
  public static FeatureRequest of(Feature first, Feature... more) {
    return of(EnumSet.of(first, more), List.of(), List.of(), List.of());
  }

  /** The tokens after these blocks (indices from 0) alone. */
  public static FeatureRequest ofBlocks(int... indices) {
    return of(EnumSet.of(Feature.BLOCKS), boxed(indices), List.of(), List.of());
  }

  /** The attention of CLS and registers in these blocks (indices from 0) alone. */
  public static FeatureRequest ofPrefixAttention(int... indices) {
    return of(EnumSet.of(Feature.PREFIX_ATTENTION), List.of(), boxed(indices), List.of());
  }

  /** The hidden activations of the MLPs in these blocks (indices from 0) alone. */
  public static FeatureRequest ofHidden(int... indices) {
    return of(EnumSet.of(Feature.HIDDEN), List.of(), List.of(), boxed(indices));
  }

  private static FeatureRequest of(
      Set<Feature> features, List<Integer> blocks, List<Integer> attention, List<Integer> hidden) {
    return new FeatureRequest(features, blocks, attention, hidden, Pooling.CLS, false, null);
  }

  /** The embedding alone. */
  public static FeatureRequest embedding(Pooling pooling, boolean normalize) {
    return of(Feature.EMBEDDING).withPooling(pooling, normalize);
  }

  /** The same, and the tokens after these blocks (indices from 0). */
  public FeatureRequest withBlocks(int... indices) {
    return new FeatureRequest(
        with(Feature.BLOCKS),
        boxed(indices),
        attentionBlocks,
        hiddenBlocks,
        pooling,
        normalize,
        registers);
  }

  /**
   * The same, and CLS after these blocks (indices from 0) as if the network ended there, through
   * its final LayerNorm. Where tokens after blocks are asked for, too, the blocks are the same.
   */
  public FeatureRequest withBlockCls(int... indices) {
    return new FeatureRequest(
        with(Feature.BLOCK_CLS),
        boxed(indices),
        attentionBlocks,
        hiddenBlocks,
        pooling,
        normalize,
        registers);
  }

  /** The same, and the tokens after every one of {@code depth} blocks. */
  public FeatureRequest withAllBlocks(int depth) {
    return withBlocks(IntStream.range(0, depth).toArray());
  }

  /** The same, and the attention of CLS and registers in these blocks (indices from 0). */
  public FeatureRequest withPrefixAttention(int... indices) {
    return new FeatureRequest(
        with(Feature.PREFIX_ATTENTION),
        blocks,
        boxed(indices),
        hiddenBlocks,
        pooling,
        normalize,
        registers);
  }

  /** The same, and the hidden activations of the MLPs in these blocks (indices from 0). */
  public FeatureRequest withHidden(int... indices) {
    return new FeatureRequest(
        with(Feature.HIDDEN),
        blocks,
        attentionBlocks,
        boxed(indices),
        pooling,
        normalize,
        registers);
  }

  /** The same with another way of pooling the embedding. */
  public FeatureRequest withPooling(Pooling newPooling, boolean newNormalize) {
    return new FeatureRequest(
        features, blocks, attentionBlocks, hiddenBlocks, newPooling, newNormalize, registers);
  }

  /** The same with something else in the place of registers; null for the model's own choice. */
  public FeatureRequest withRegisters(Registers value) {
    return new FeatureRequest(
        features, blocks, attentionBlocks, hiddenBlocks, pooling, normalize, value);
  }

  private Set<Feature> with(Feature feature) {
    EnumSet<Feature> more = EnumSet.copyOf(features);
    more.add(feature);
    return more;
  }

  private static List<Integer> boxed(int... indices) {
    return Arrays.stream(indices).boxed().toList();
  }

  /** Whether an output is asked for. */
  public boolean wants(Feature feature) {
    return features.contains(feature);
  }

  /** Length of the embedding for a model of this width. */
  int embeddingLength(int width) {
    return pooling == Pooling.CLS_MEAN ? 2 * width : width;
  }
}
