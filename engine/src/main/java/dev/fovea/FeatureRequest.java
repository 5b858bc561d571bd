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
 * @param blocks for {@link Feature#BLOCKS}: indices from 0, ascending
 * @param pooling for {@link Feature#EMBEDDING}: how tokens become one vector
 * @param normalize for {@link Feature#EMBEDDING}: whether it is divided by its L2 norm
 */
public record FeatureRequest(
    Set<Feature> features, List<Integer> blocks, Pooling pooling, boolean normalize) {

  /** Checks that something is asked for, and that blocks are named if and only if wanted. */
  public FeatureRequest {
    Objects.requireNonNull(pooling, "pooling");
    if (features.isEmpty()) {
      throw new IllegalArgumentException("a request needs at least one feature");
    }
    features = Collections.unmodifiableSet(EnumSet.copyOf(features));
    blocks = blocks.stream().distinct().sorted().toList();
    if (features.contains(Feature.BLOCKS) == blocks.isEmpty()) {
      throw new IllegalArgumentException(
          "ask for blocks with withBlocks(...): got BLOCKS "
              + (blocks.isEmpty() ? "without indices" : "missing for indices " + blocks));
    }
    if (!blocks.isEmpty() && blocks.getFirst() < 0) {
      throw new IllegalArgumentException("block " + blocks.getFirst() + " does not exist");
    }
  }

  /** A request for these outputs; {@link Feature#BLOCKS} is asked for by {@link #withBlocks}. */
  public static FeatureRequest of(Feature first, Feature... more) {
    return new FeatureRequest(EnumSet.of(first, more), List.of(), Pooling.CLS, false);
  }

  /** The embedding alone. */
  public static FeatureRequest embedding(Pooling pooling, boolean normalize) {
    return of(Feature.EMBEDDING).withPooling(pooling, normalize);
  }

  /** The same, and the tokens after these blocks (indices from 0). */
  public FeatureRequest withBlocks(int... indices) {
    EnumSet<Feature> more = EnumSet.copyOf(features);
    more.add(Feature.BLOCKS);
    return new FeatureRequest(more, Arrays.stream(indices).boxed().toList(), pooling, normalize);
  }

  /** The same, and the tokens after every one of {@code depth} blocks. */
  public FeatureRequest withAllBlocks(int depth) {
    return withBlocks(IntStream.range(0, depth).toArray());
  }

  /** The same with another way of pooling the embedding. */
  public FeatureRequest withPooling(Pooling newPooling, boolean newNormalize) {
    return new FeatureRequest(features, blocks, newPooling, newNormalize);
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
