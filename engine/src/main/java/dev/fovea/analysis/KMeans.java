package dev.fovea.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Vectors in groups, each around its mean (Lloyd's algorithm from k-means++ starts). The same seed
 * gives the same groups; ties go to the lowest index.
 *
 * @param groups for every vector the number of its group, from 0 in the order of first appearance
 * @param count groups, k
 * @param inertia sum of the squared distances of all vectors to their groups' means
 */
public record KMeans(int[] groups, int count, double inertia) {

  private static final int STARTS = 5;
  private static final int ROUNDS = 300;

  /**
   * Groups vectors; of some starts, the best is taken.
   *
   * @param rows [n, width]
   * @param k from 1 to n
   */
  public static KMeans of(float[] rows, int width, int k, long seed) {
    if (width < 1 || rows.length % width != 0 || k < 1 || k > rows.length / width) {
      throw new IllegalArgumentException(
          "cannot make %d groups of %d vectors".formatted(k, width < 1 ? 0 : rows.length / width));
    }
    SplittableRandom random = new SplittableRandom(seed);
    KMeans best = null;
    for (int start = 0; start < STARTS; start++) {
      KMeans groups = new Search(rows, width, k).run(random.split());
      best = best == null || groups.inertia < best.inertia ? groups : best;
    }
    return best;
  }

  /**
   * Groups the patches of several images together.
   *
   * @param images of one model, at least one; their sizes may differ
   * @return for every image the groups of its patches, [P]
   */
  public static List<int[]> segments(List<PatchFeatures> images, int k, long seed) {
    int[] all = of(PatchFeatures.join(images), images.getFirst().width(), k, seed).groups();
    List<int[]> segments = new ArrayList<>();
    int end = 0;
    for (PatchFeatures image : images) {
      int begin = end;
      end += image.grid().patches();
      segments.add(Arrays.copyOfRange(all, begin, end));
    }
    return segments;
  }

  /** One start, and what comes of it. */
  private static final class Search {

    private final float[] rows;
    private final int width;
    private final double[][] means;
    private final int[] groups;
    private final double[] distances;

    Search(float[] rows, int width, int k) {
      this.rows = rows;
      this.width = width;
      means = new double[k][width];
      groups = new int[rows.length / width];
      distances = new double[groups.length];
    }

    KMeans run(SplittableRandom random) {
      start(random);
      for (int round = 0; round < ROUNDS && assign(); round++) {
        move();
      }
      return new KMeans(renumbered(), means.length, Arrays.stream(distances).sum());
    }

    /** Takes vectors as means at random, those far from the means so far more often. */
    private void start(SplittableRandom random) {
      Arrays.fill(groups, -1);
      Arrays.fill(distances, 1); // the first: all are as likely
      for (int k = 0; k < means.length; k++) {
        setMean(k, draw(random.nextDouble()));
        for (int row = 0; row < distances.length; row++) {
          double distance = distance(row, means[k]);
          distances[row] = k == 0 ? distance : Math.min(distances[row], distance);
        }
      }
    }

    /** The first vector at which the running sum of the distances is above a share of the whole. */
    private int draw(double share) {
      double rest = share * Arrays.stream(distances).sum();
      int last = 0;
      for (int row = 0; row < distances.length; row++) {
        rest -= distances[row];
        if (rest < 0) {
          return row;
        }
        last = distances[row] > 0 ? row : last;
      }
      return last; // all distances are 0, or rounding has left a little
    }

    /** Gives every vector to the nearest mean; false if nothing changes. */
    private boolean assign() {
      boolean changed = false;
      for (int row = 0; row < groups.length; row++) {
        int nearest = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int k = 0; k < means.length; k++) {
          double distance = distance(row, means[k]);
          if (distance < least) {
            least = distance;
            nearest = k;
          }
        }
        changed |= groups[row] != nearest;
        groups[row] = nearest;
        distances[row] = least;
      }
      return changed;
    }

    /** Moves means to the middle of their vectors; one without any to the most distant vector. */
    private void move() {
      int[] counts = new int[means.length];
      for (double[] mean : means) {
        Arrays.fill(mean, 0);
      }
      for (int row = 0; row < groups.length; row++) {
        counts[groups[row]]++;
        for (int i = 0; i < width; i++) {
          means[groups[row]][i] += rows[row * width + i];
        }
      }
      for (int k = 0; k < means.length; k++) {
        if (counts[k] > 0) {
          Vectors.scale(means[k], 1.0 / counts[k]);
        } else {
          int farthest = farthest();
          setMean(k, farthest);
          distances[farthest] = 0;
        }
      }
    }

    private int farthest() {
      int farthest = 0;
      for (int row = 1; row < distances.length; row++) {
        farthest = distances[row] > distances[farthest] ? row : farthest;
      }
      return farthest;
    }

    private void setMean(int k, int row) {
      for (int i = 0; i < width; i++) {
        means[k][i] = rows[row * width + i];
      }
    }

    private double distance(int row, double[] mean) {
      double sum = 0;
      for (int i = 0; i < width; i++) {
        double difference = rows[row * width + i] - mean[i];
        sum += difference * difference;
      }
      return sum;
    }

    private int[] renumbered() {
      int[] numbers = new int[means.length];
      Arrays.fill(numbers, -1);
      int next = 0;
      int[] result = new int[groups.length];
      for (int row = 0; row < groups.length; row++) {
        if (numbers[groups[row]] < 0) {
          numbers[groups[row]] = next++;
        }
        result[row] = numbers[groups[row]];
      }
      return result;
    }
  }
}
