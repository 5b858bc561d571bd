package dev.fovea.analysis;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.VitConfig;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What makes outliers visible in one image: how long its tokens are, and how much its patches are
 * like their neighbours.
 *
 * @param grid how the patches lie
 * @param registers register tokens
 * @param norms [blocks, 1 + R + P]: L2 norms of CLS, registers and patches after each block; those
 *     after the last one are what goes into the final LayerNorm
 * @param neighbourSimilarity [P]: cosine similarity of each patch to its neighbours (up, down, left
 *     and right, where there are such), on average, right after the patch embedding
 * @see <a href="https://arxiv.org/abs/2309.16588">Vision Transformers Need Registers, figures 3 to
 *     5</a>
 */
public record TokenStatistics(
    PatchGrid grid, int registers, float[][] norms, float[] neighbourSimilarity) {

  /** Checks the sizes against each other. */
  public TokenStatistics {
    int tokens = 1 + registers + grid.patches();
    if (norms.length == 0
        || Arrays.stream(norms).anyMatch(block -> block.length != tokens)
        || neighbourSimilarity.length != grid.patches()) {
      throw new IllegalArgumentException(
          "expected norms of %d tokens after every block, and a similarity for each of %s patches"
              .formatted(tokens, grid));
    }
  }

  /** What {@link #of(Features, VitConfig)} needs. */
  public static FeatureRequest request(VitConfig config) {
    return FeatureRequest.of(Feature.PATCH_EMBEDDINGS).withAllBlocks(config.depth());
  }

  /**
   * The statistics of an image.
   *
   * @throws IllegalArgumentException if its size does not fit the model, or it is a single patch
   */
  public static TokenStatistics of(Fovea model, Image image) {
    return of(model.features(image, request(model.config())), model.config());
  }

  /**
   * The statistics of an image whose features are there.
   *
   * @param features those of {@link #request}, at least
   * @throws IllegalArgumentException if something is missing, or the image is a single patch
   */
  public static TokenStatistics of(Features features, VitConfig config) {
    PatchGrid grid = features.layout().grid();
    float[] all = norms(features.get(Feature.BLOCKS), config.width());
    int prefix = features.layout().prefix();
    int count = prefix + grid.patches();
    float[][] norms = new float[all.length / count][];
    for (int block = 0; block < norms.length; block++) {
      norms[block] = Arrays.copyOfRange(all, block * count, (block + 1) * count);
    }
    float[] similarity = neighbourSimilarity(grid, features.get(Feature.PATCH_EMBEDDINGS));
    return new TokenStatistics(grid, prefix - 1, norms, similarity);
  }

  /**
   * L2 norms of tokens, summed up in float64.
   *
   * @param tokens [rows, width]
   */
  public static float[] norms(float[] tokens, int width) {
    float[] norms = new float[tokens.length / width];
    for (int row = 0; row < norms.length; row++) {
      norms[row] = (float) Math.sqrt(dot(tokens, row, row, width));
    }
    return norms;
  }

  /**
   * Mean cosine similarity of each patch to the neighbours that it has.
   *
   * @param patches [P, channels]
   * @throws IllegalArgumentException if there is but one patch
   */
  static float[] neighbourSimilarity(PatchGrid grid, float[] patches) {
    if (grid.patches() < 2) {
      throw new IllegalArgumentException(
          "an image of one patch has no neighbours to compare: use a larger one");
    }
    int width = patches.length / grid.patches();
    float[] result = new float[grid.patches()];
    for (int patch = 0; patch < result.length; patch++) {
      double sum = 0;
      int count = 0;
      for (int neighbour : Neighbours.of(grid, patch)) {
        sum += cosine(patches, patch, neighbour, width);
        count++;
      }
      result[patch] = (float) (sum / count);
    }
    return result;
  }

  private static double cosine(float[] rows, int a, int b, int width) {
    double norms = Math.sqrt(dot(rows, a, a, width)) * Math.sqrt(dot(rows, b, b, width));
    return norms == 0 ? 0 : dot(rows, a, b, width) / norms;
  }

  private static double dot(float[] rows, int a, int b, int width) {
    double sum = 0;
    for (int i = 0; i < width; i++) {
      sum += (double) rows[a * width + i] * rows[b * width + i];
    }
    return sum;
  }

  /** Blocks of the model. */
  public int blocks() {
    return norms.length;
  }

  /** Norm of CLS after a block. */
  public float cls(int block) {
    return norms[block][0];
  }

  /** Norms of the registers after a block, [R]. */
  public float[] registers(int block) {
    return Arrays.copyOfRange(norms[block], 1, 1 + registers);
  }

  /** Norms of the patches after a block, [P]. */
  public float[] patches(int block) {
    return Arrays.copyOfRange(norms[block], 1 + registers, norms[block].length);
  }

  /** Norms of the patches of all images after a block, image after image. */
  static float[] patches(List<TokenStatistics> images, int block) {
    float[] all = new float[images.stream().mapToInt(image -> image.grid.patches()).sum()];
    int end = 0;
    for (TokenStatistics image : images) {
      int patches = image.grid.patches();
      System.arraycopy(image.norms[block], 1 + image.registers, all, end, patches);
      end += patches;
    }
    return all;
  }

  /** Whether this one is of the same kind of model. */
  boolean comparable(TokenStatistics other) {
    return blocks() == other.blocks() && registers == other.registers;
  }

  /** The indices of the blocks, from 0. */
  IntStream indices() {
    return IntStream.range(0, blocks());
  }
}
