package dev.fovea.analysis;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.VitConfig;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Where CLS and the registers of one image look: softmax probabilities of their queries over the
 * patches, in some blocks. What goes to CLS and registers is left out, so a map's sum is below one.
 *
 * @param grid how the patches lie
 * @param blocks indices of the blocks, from 0, ascending
 * @param heads of each block
 * @param registers register tokens, R
 * @param probabilities [blocks, heads, 1 + R, 1 + R + P]: for every query the probabilities of all
 *     tokens
 */
public record AttentionMaps(
    PatchGrid grid, List<Integer> blocks, int heads, int registers, float[] probabilities) {

  /** The query of CLS; those of the registers are 1 to R. */
  public static final int CLS = 0;

  /** Checks the sizes against each other. */
  public AttentionMaps {
    blocks = List.copyOf(blocks);
    int queries = 1 + registers;
    long expected = (long) blocks.size() * heads * queries * (queries + grid.patches());
    if (probabilities.length != expected) {
      throw new IllegalArgumentException(
          "expected %d probabilities, got %d".formatted(expected, probabilities.length));
    }
  }

  /**
   * The maps of an image.
   *
   * @param blocks indices of blocks, from 0, at least one
   * @throws IllegalArgumentException if the image does not fit the model, or there is no such block
   */
  public static AttentionMaps of(Fovea model, Image image, int... blocks) {
    FeatureRequest request = FeatureRequest.ofPrefixAttention(blocks);
    return of(model.features(image, request), request, model.config());
  }

  /**
   * The maps of an image whose features are there.
   *
   * @param request that gave them, with {@link FeatureRequest#withPrefixAttention}
   * @throws IllegalArgumentException if it was without
   */
  public static AttentionMaps of(Features features, FeatureRequest request, VitConfig config) {
    return new AttentionMaps(
        features.layout().grid(),
        request.attentionBlocks(),
        config.heads(),
        features.layout().prefix() - 1,
        features.get(Feature.PREFIX_ATTENTION));
  }

  /**
   * One head's map.
   *
   * @param block one of {@link #blocks}
   * @param head from 0
   * @param query {@link #CLS}, or the number of a register, from 1
   * @return [P]
   */
  public float[] head(int block, int head, int query) {
    int place = blocks.indexOf(block);
    if (place < 0 || head < 0 || head >= heads || query < 0 || query > registers) {
      throw new IllegalArgumentException(
          "no map of block %d, head %d, query %d: there are blocks %s, %d heads, %d registers"
              .formatted(block, head, query, blocks, heads, registers));
    }
    int queries = 1 + registers;
    int row = (place * heads + head) * queries + query;
    int from = row * (queries + grid.patches()) + queries;
    return Arrays.copyOfRange(probabilities, from, from + grid.patches());
  }

  /**
   * The mean of all heads' maps.
   *
   * @param block one of {@link #blocks}
   * @param query {@link #CLS}, or the number of a register, from 1
   * @return [P]
   */
  public float[] mean(int block, int query) {
    double[] sums = new double[grid.patches()];
    for (int head = 0; head < heads; head++) {
      float[] map = head(block, head, query);
      for (int patch = 0; patch < map.length; patch++) {
        sums[patch] += map[patch];
      }
    }
    float[] mean = new float[sums.length];
    for (int patch = 0; patch < mean.length; patch++) {
      mean[patch] = (float) (sums[patch] / heads);
    }
    return mean;
  }

  /**
   * What is left of a map with only those patches that get most: as few as hold {@code mass} of its
   * sum; of equal ones those with the lowest index. All others become 0.
   *
   * @param map not negative
   * @param mass from 0 to 1; 0.6 in DINO's figures
   */
  public static float[] topMass(float[] map, double mass) {
    if (!(mass >= 0 && mass <= 1)) {
      throw new IllegalArgumentException("a share of the mass is from 0 to 1, got " + mass);
    }
    List<Integer> order =
        IntStream.range(0, map.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer patch) -> -map[patch]))
            .toList();
    double total = 0;
    for (int patch : order) {
      total += map[patch];
    }
    float[] kept = new float[map.length];
    double sum = 0;
    for (int i = 0; i < map.length && sum < mass * total; i++) {
      int patch = order.get(i);
      kept[patch] = map[patch];
      sum += map[patch];
    }
    return kept;
  }
}
