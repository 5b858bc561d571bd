package dev.fovea.analysis;

import dev.fovea.PatchGrid;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * One object in an image, found by a model that was never told about objects: LOST. Patches of an
 * object are like few others, those of the background like many.
 *
 * <p>With the similarity A[i, j] of every two patches (the product of their vectors, plus a bias):
 *
 * <ol>
 *   <li>The degree of a patch is the number of other patches with a positive similarity to it.
 *   <li>The seed is the patch with the lowest degree; of equal ones that with the lowest index.
 *   <li>Candidates are the patches with the lowest degrees, again by index where those are equal,
 *       100 of them; kept are those with a positive similarity to the seed, which may include
 *       itself.
 *   <li>A patch is of the object if the sum of its similarities to the kept candidates, as they are
 *       (negative ones and its own included), is positive, and if a path from the seed leads to it
 *       over edges of such patches.
 *   <li>The box is the smallest that holds them.
 * </ol>
 *
 * @param grid how the patches lie
 * @param degrees [P]
 * @param seed index of a patch
 * @param candidates indices of those kept, by degree
 * @param object indices of the object's patches, ascending; none if the seed is not of the object
 *     itself, which needs a negative bias
 * @see <a href="https://arxiv.org/abs/2109.14279">Localizing Objects with Self-Supervised
 *     Transformers and no Labels</a>
 */
public record Lost(
    PatchGrid grid, int[] degrees, int seed, List<Integer> candidates, List<Integer> object) {

  /**
   * What may be changed.
   *
   * @param normalize whether patches' vectors are divided by their lengths first
   * @param bias is added to every similarity; 0 in the original, -1 to 0 for models with outliers
   * @param candidates at most; 100 in the original
   */
  public record Settings(boolean normalize, double bias, int candidates) {

    /** As in the original. */
    public static final Settings ORIGINAL = new Settings(false, 0, 100);

    /** Checks the ranges. */
    public Settings {
      if (!Double.isFinite(bias) || candidates < 1) {
        throw new IllegalArgumentException(
            "LOST needs a finite bias and at least one candidate, got %s and %d"
                .formatted(bias, candidates));
      }
    }
  }

  /** How much alike two patches are. */
  interface Similarity {
    double of(int patch, int other);
  }

  /**
   * Looks for an object.
   *
   * @param patches their keys for DINOv2, their values for DeiT-III and OpenCLIP
   * @throws IllegalArgumentException if there is but one patch
   */
  public static Lost find(PatchFeatures patches, Settings settings) {
    double[][] vectors = new double[patches.grid().patches()][patches.width()];
    for (int i = 0; i < vectors.length; i++) {
      for (int j = 0; j < patches.width(); j++) {
        vectors[i][j] = patches.values()[i * patches.width() + j];
      }
      double norm = Vectors.norm(vectors[i]);
      Vectors.scale(vectors[i], settings.normalize && norm > 0 ? 1 / norm : 1);
    }
    return find(
        patches.grid(),
        (i, j) -> Vectors.dot(vectors[i], vectors[j]) + settings.bias,
        settings.candidates);
  }

  /** Looks for an object where similarities, which must be symmetric, come from anywhere. */
  static Lost find(PatchGrid grid, Similarity similarity, int candidates) {
    int patches = grid.patches();
    if (patches < 2) {
      throw new IllegalArgumentException(
          "LOST compares patches, got an image of one: use a larger one");
    }
    int[] degrees = degrees(patches, similarity);
    List<Integer> order =
        IntStream.range(0, patches)
            .boxed()
            .sorted(
                Comparator.comparingInt(patch -> degrees[patch])) // stable: by index where equal
            .toList();
    int seed = order.getFirst();
    List<Integer> kept =
        order.stream().limit(candidates).filter(patch -> similarity.of(seed, patch) > 0).toList();
    boolean[] similar = new boolean[patches];
    for (int patch = 0; patch < patches; patch++) {
      double sum = 0;
      for (int candidate : kept) {
        sum += similarity.of(candidate, patch);
      }
      similar[patch] = sum > 0;
    }
    return new Lost(grid, degrees, seed, kept, component(grid, similar, seed));
  }

  private static int[] degrees(int patches, Similarity similarity) {
    int[] degrees = new int[patches];
    for (int i = 0; i < patches; i++) {
      for (int j = 0; j < i; j++) {
        if (similarity.of(i, j) > 0) {
          degrees[i]++;
          degrees[j]++;
        }
      }
    }
    return degrees;
  }

  /** The patches that a path over edges leads to. */
  private static List<Integer> component(PatchGrid grid, boolean[] similar, int seed) {
    List<Integer> found = new ArrayList<>();
    Deque<Integer> next = new ArrayDeque<>(List.of(seed));
    while (!next.isEmpty()) {
      int patch = next.pop();
      if (similar[patch]) {
        similar[patch] = false;
        found.add(patch);
        IntStream.of(Neighbours.of(grid, patch)).forEach(next::push);
      }
    }
    return found.stream().sorted().toList();
  }

  /** The smallest box around the object, in patches; none if there is no object. */
  public Optional<Box> box() {
    if (object.isEmpty()) {
      return Optional.empty();
    }
    int left = object.stream().mapToInt(grid::column).min().orElseThrow();
    int right = object.stream().mapToInt(grid::column).max().orElseThrow() + 1;
    int top = object.stream().mapToInt(grid::row).min().orElseThrow();
    int bottom = object.stream().mapToInt(grid::row).max().orElseThrow() + 1;
    return Optional.of(new Box(left, top, right, bottom));
  }

  /**
   * The box in pixels.
   *
   * @param patch side of a patch in pixels
   * @param width of the image before it was padded to whole patches
   * @param height of the image before it was padded to whole patches
   */
  public Optional<Box> box(int patch, int width, int height) {
    return box().map(box -> box.scaled(patch, patch).within(width, height));
  }
}
