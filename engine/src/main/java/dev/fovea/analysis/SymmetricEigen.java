package dev.fovea.analysis;

import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Eigenvalues and eigenvectors of a small symmetric matrix.
 *
 * @param values largest first
 * @param vectors of unit length, each a row
 */
record SymmetricEigen(double[] values, double[][] vectors) {

  private static final int SWEEPS = 60;

  /** Jacobi's method: turns pairs of axes until nothing is left beside the diagonal. */
  static SymmetricEigen of(double[][] matrix) {
    int n = matrix.length;
    double[][] a = new double[n][];
    double[][] vectors = new double[n][n];
    for (int i = 0; i < n; i++) {
      a[i] = matrix[i].clone();
      vectors[i][i] = 1;
    }
    for (int sweep = 0; sweep < SWEEPS && offDiagonal(a) > 0; sweep++) {
      for (int p = 0; p < n; p++) {
        for (int q = p + 1; q < n; q++) {
          if (negligible(a, p, q)) {
            a[p][q] = 0;
            a[q][p] = 0;
          } else {
            rotate(a, vectors, p, q);
          }
        }
      }
    }
    int[] order =
        IntStream.range(0, n)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -a[i][i]))
            .mapToInt(i -> i)
            .toArray();
    double[] values = new double[n];
    double[][] sorted = new double[n][];
    for (int i = 0; i < n; i++) {
      values[i] = a[order[i]][order[i]];
      sorted[i] = vectors[order[i]];
    }
    return new SymmetricEigen(values, sorted);
  }

  private static double offDiagonal(double[][] a) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < i; j++) {
        sum += Math.abs(a[i][j]);
      }
    }
    return sum;
  }

  /** Whether an element is lost in the rounding of both its diagonal elements. */
  private static boolean negligible(double[][] a, int p, int q) {
    double element = Math.abs(a[p][q]);
    return Math.abs(a[p][p]) + element == Math.abs(a[p][p])
        && Math.abs(a[q][q]) + element == Math.abs(a[q][q]);
  }

  /** Turns axes p and q by the angle that makes their element zero. */
  private static void rotate(double[][] a, double[][] vectors, int p, int q) {
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double tangent = Math.copySign(1, theta) / (Math.abs(theta) + Math.hypot(theta, 1));
    double cosine = 1 / Math.hypot(tangent, 1);
    double sine = tangent * cosine;
    for (double[] row : a) {
      double first = row[p];
      row[p] = cosine * first - sine * row[q];
      row[q] = sine * first + cosine * row[q];
    }
    turnRows(a, p, q, cosine, sine);
    turnRows(vectors, p, q, cosine, sine);
    a[p][q] = 0;
    a[q][p] = 0;
  }

  private static void turnRows(double[][] rows, int p, int q, double cosine, double sine) {
    for (int i = 0; i < rows.length; i++) {
      double first = rows[p][i];
      rows[p][i] = cosine * first - sine * rows[q][i];
      rows[q][i] = sine * first + cosine * rows[q][i];
    }
  }
}
