package dev.fovea.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The directions in which vectors vary most: eigenvectors of their covariance.
 *
 * <p>They are found in Krylov spaces (a block of vectors, its image under the covariance, the image
 * of that, ...) of a few dozen dimensions, each started with the best vectors of the one before, so
 * that the covariance itself, [D, D], is never formed.
 *
 * @param mean [D] of all vectors
 * @param axes unit vectors, [count][D], the one with the largest variance first; of each the
 *     element with the largest absolute value is positive
 * @param variances [count] along the axes, of the vectors as a whole population
 */
public record PrincipalComponents(double[] mean, double[][] axes, double[] variances) {

  /** Residual, relative to the largest variance, from which on an axis is taken as found. */
  private static final double TOLERANCE = 1e-10;

  private static final int DIMENSIONS = 48;
  private static final int ROUNDS = 100;

  /** Vectors of a block beyond those wanted, so that the last wanted one is found as quickly. */
  private static final int SPARE = 3;

  private static final long SEED = 1;

  /**
   * Finds the first components.
   *
   * @param rows [n, width]
   * @param count from 1 to {@code width}
   */
  public static PrincipalComponents of(float[] rows, int width, int count) {
    if (width < 1 || rows.length == 0 || rows.length % width != 0 || count < 1 || count > width) {
      throw new IllegalArgumentException(
          "cannot find %d principal components of %d values in rows of %d"
              .formatted(count, rows.length, width));
    }
    double[] mean = mean(rows, width);
    List<double[]> start = randomVectors(width, Math.min(width, count + SPARE));
    for (int round = 1; ; round++) {
      RitzPairs pairs = search(rows, mean, start);
      boolean found = pairs.residual(count) <= TOLERANCE * Math.abs(pairs.values()[0]);
      if (found || pairs.whole() || round == ROUNDS) {
        return finished(mean, pairs, count);
      }
      start = Arrays.asList(pairs.vectors()).subList(0, start.size());
    }
  }

  private static PrincipalComponents finished(double[] mean, RitzPairs pairs, int count) {
    double[][] axes = Arrays.copyOf(pairs.vectors(), count);
    double[] variances = new double[count];
    for (int i = 0; i < count; i++) {
      variances[i] = Math.max(0, pairs.values()[i]);
      int largest = 0;
      for (int j = 1; j < axes[i].length; j++) {
        largest = Math.abs(axes[i][j]) > Math.abs(axes[i][largest]) ? j : largest;
      }
      Vectors.scale(axes[i], axes[i][largest] < 0 ? -1 : 1);
    }
    return new PrincipalComponents(mean, axes, variances);
  }

  /**
   * Where vectors are along the axes, seen from the mean.
   *
   * @param rows [n, D]
   * @return [n][count]
   */
  public double[][] project(float[] rows) {
    double[][] result = new double[rows.length / mean.length][axes.length];
    for (int row = 0; row < result.length; row++) {
      for (int axis = 0; axis < axes.length; axis++) {
        double sum = 0;
        for (int i = 0; i < mean.length; i++) {
          sum += (rows[row * mean.length + i] - mean[i]) * axes[axis][i];
        }
        result[row][axis] = sum;
      }
    }
    return result;
  }

  /**
   * Approximate eigenvectors in a Krylov space.
   *
   * @param values largest first
   * @param vectors of unit length
   * @param images of the vectors under the covariance
   * @param whole whether the space maps to itself, so that they are exact
   */
  private record RitzPairs(double[] values, double[][] vectors, double[][] images, boolean whole) {

    /** The largest length of (image - value x vector) among the first. */
    double residual(int count) {
      double largest = 0;
      for (int i = 0; i < count; i++) {
        double[] difference = images[i].clone();
        Vectors.add(difference, -values[i], vectors[i]);
        largest = Math.max(largest, Vectors.norm(difference));
      }
      return largest;
    }
  }

  private static RitzPairs search(float[] rows, double[] mean, List<double[]> start) {
    List<double[]> basis = new ArrayList<>();
    start.forEach(vector -> addOrthogonal(basis, vector));
    int enough = Math.min(mean.length, DIMENSIONS);
    List<double[]> images = new ArrayList<>();
    while (images.size() < basis.size()) {
      int end = basis.size();
      double[][] more = covariance(rows, mean, basis.subList(images.size(), end));
      images.addAll(Arrays.asList(more));
      for (double[] image : more) {
        if (basis.size() < enough) {
          addOrthogonal(basis, image);
        }
      }
    }
    boolean whole = basis.size() < enough || basis.size() == mean.length;
    double[][] projected = new double[basis.size()][basis.size()];
    for (int i = 0; i < projected.length; i++) {
      for (int j = 0; j <= i; j++) {
        projected[i][j] = Vectors.dot(basis.get(i), images.get(j));
        projected[j][i] = projected[i][j];
      }
    }
    SymmetricEigen eigen = SymmetricEigen.of(projected);
    double[][] vectors = combine(basis, eigen.vectors());
    return new RitzPairs(eigen.values(), vectors, combine(images, eigen.vectors()), whole);
  }

  private static double[][] combine(List<double[]> vectors, double[][] weights) {
    double[][] result = new double[weights.length][vectors.getFirst().length];
    for (int i = 0; i < weights.length; i++) {
      for (int j = 0; j < vectors.size(); j++) {
        Vectors.add(result[i], weights[i][j], vectors.get(j));
      }
    }
    return result;
  }

  /**
   * Adds what of a vector is at right angles to the basis, unless that is no more than rounding.
   */
  private static void addOrthogonal(List<double[]> basis, double[] vector) {
    double[] rest = vector.clone();
    double before = Vectors.norm(rest);
    for (int pass = 0; pass < 2; pass++) { // the second takes away what rounding has left
      for (double[] other : basis) {
        Vectors.add(rest, -Vectors.dot(rest, other), other);
      }
    }
    double norm = Vectors.norm(rest);
    if (norm > 1e-12 * before) {
      Vectors.scale(rest, 1 / norm);
      basis.add(rest);
    }
  }

  /** The covariance of the rows, times vectors. */
  private static double[][] covariance(float[] rows, double[] mean, List<double[]> vectors) {
    int width = mean.length;
    double[][] result = new double[vectors.size()][width];
    double[] row = new double[width];
    for (int from = 0; from < rows.length; from += width) {
      for (int i = 0; i < width; i++) {
        row[i] = rows[from + i] - mean[i];
      }
      for (int j = 0; j < result.length; j++) {
        Vectors.add(result[j], Vectors.dot(row, vectors.get(j)), row);
      }
    }
    for (double[] image : result) {
      Vectors.scale(image, (double) width / rows.length);
    }
    return result;
  }

  private static double[] mean(float[] rows, int width) {
    double[] mean = new double[width];
    for (int i = 0; i < rows.length; i++) {
      mean[i % width] += rows[i];
    }
    Vectors.scale(mean, (double) width / rows.length);
    return mean;
  }

  private static List<double[]> randomVectors(int width, int count) {
    SplittableRandom random = new SplittableRandom(SEED);
    List<double[]> vectors = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      vectors.add(random.doubles(width, -1, 1).toArray());
    }
    return vectors;
  }
}
