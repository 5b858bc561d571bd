package dev.fovea.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * The outliers among the patches of some images: those whose norm after one block is above a
 * cutoff, which is one for all the images.
 *
 * @param block the block after which they were looked for; the last one for what goes into the
 *     final LayerNorm
 * @param cutoffs after each block, what the rule says about the norms there; empty where nothing
 *     stands out
 * @param images in the order in which they were given
 */
public record Outliers(int block, List<OptionalDouble> cutoffs, List<OfImage> images) {

  /**
   * One outlier.
   *
   * @param patch its index, row by row
   * @param norm its norm after the block
   * @param firstBlock the block after which it was above the cutoff of that block for the first
   *     time, and from which on it stayed so
   */
  public record Outlier(int patch, float norm, int firstBlock) {}

  /**
   * The outliers of one image.
   *
   * @param statistics of all its tokens
   * @param outliers by patch
   */
  public record OfImage(TokenStatistics statistics, List<Outlier> outliers) {

    /** Indices of the patches that are outliers, ascending. */
    public List<Integer> patches() {
      return outliers.stream().map(Outlier::patch).toList();
    }
  }

  /**
   * Looks for outliers after the last block.
   *
   * @throws IllegalArgumentException as {@link #find(List, OutlierRule, int)}
   */
  public static Outliers find(List<TokenStatistics> images, OutlierRule rule) {
    return find(images, rule, images.isEmpty() ? 0 : images.getFirst().blocks() - 1);
  }

  /**
   * Looks for outliers after a block.
   *
   * @param images of one model; their sizes may differ
   * @param rule is asked about the norms of all their patches together, block by block
   * @param block index of the block, from 0
   * @throws IllegalArgumentException if there are no images, they are of different models, or there
   *     is no such block
   */
  public static Outliers find(List<TokenStatistics> images, OutlierRule rule, int block) {
    if (images.isEmpty()) {
      throw new IllegalArgumentException("outliers need at least one image");
    }
    TokenStatistics first = images.getFirst();
    if (!images.stream().allMatch(first::comparable)) {
      throw new IllegalArgumentException("the images have gone through different models");
    }
    if (block < 0 || block >= first.blocks()) {
      throw new IllegalArgumentException(
          "block %d does not exist; the model has blocks 0 to %d"
              .formatted(block, first.blocks() - 1));
    }
    List<OptionalDouble> cutoffs =
        first.indices().mapToObj(i -> rule.cutoff(TokenStatistics.patches(images, i))).toList();
    return new Outliers(
        block, cutoffs, images.stream().map(image -> find(image, cutoffs, block)).toList());
  }

  private static OfImage find(TokenStatistics image, List<OptionalDouble> cutoffs, int block) {
    List<Outlier> outliers = new ArrayList<>();
    for (int patch = 0; patch < image.grid().patches(); patch++) {
      int token = 1 + image.registers() + patch;
      int since = block + 1;
      while (since > 0 && above(image.norms()[since - 1][token], cutoffs.get(since - 1))) {
        since--;
      }
      if (since <= block) {
        outliers.add(new Outlier(patch, image.norms()[block][token], since));
      }
    }
    return new OfImage(image, List.copyOf(outliers));
  }

  private static boolean above(float norm, OptionalDouble cutoff) {
    return cutoff.isPresent() && norm > cutoff.getAsDouble();
  }

  /** The norm above which patches are outliers; empty if nothing stands out. */
  public OptionalDouble cutoff() {
    return cutoffs.get(block);
  }

  /** Outliers in all images. */
  public int count() {
    return images.stream().mapToInt(image -> image.outliers().size()).sum();
  }

  /** Patches in all images. */
  public int patches() {
    return images.stream().mapToInt(image -> image.statistics().grid().patches()).sum();
  }

  /** Norms of the patches of all images after the block, image after image. */
  public float[] norms() {
    return norms(block);
  }

  /** Norms of the patches of all images after any block, image after image. */
  public float[] norms(int anyBlock) {
    return TokenStatistics.patches(images.stream().map(OfImage::statistics).toList(), anyBlock);
  }

  /** The first block after which one of the outliers is above the cutoff. */
  public OptionalInt firstBlock() {
    return images.stream()
        .flatMap(image -> image.outliers().stream())
        .mapToInt(Outlier::firstBlock)
        .min();
  }

  /** How much outliers are like their neighbours right after the patch embedding, on average. */
  public OptionalDouble outlierSimilarity() {
    return similarity(true);
  }

  /** How much all other patches are like their neighbours, on average. */
  public OptionalDouble otherSimilarity() {
    return similarity(false);
  }

  private OptionalDouble similarity(boolean ofOutliers) {
    return images.stream().flatMapToDouble(image -> similarity(image, ofOutliers)).average();
  }

  private static DoubleStream similarity(OfImage image, boolean ofOutliers) {
    Set<Integer> outliers = Set.copyOf(image.patches());
    return IntStream.range(0, image.statistics().grid().patches())
        .filter(patch -> outliers.contains(patch) == ofOutliers)
        .mapToDouble(patch -> image.statistics().neighbourSimilarity()[patch]);
  }
}
