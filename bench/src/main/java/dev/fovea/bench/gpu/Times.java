package dev.fovea.bench.gpu;

import java.util.Arrays;
import java.util.Map;

/** Milliseconds that something took again and again. */
record Times(double[] sorted) {

  /** In any order. */
  static Times of(double... milliseconds) {
    double[] sorted = milliseconds.clone();
    Arrays.sort(sorted);
    return new Times(sorted);
  }

  /**
   * Of consecutive measurements that belong together, the sums.
   *
   * @param parts how many belong together
   * @param share what a sum is divided by
   */
  static Times of(float[] milliseconds, int parts, int share) {
    double[] sums = new double[milliseconds.length / parts];
    for (int i = 0; i < sums.length * parts; i++) {
      sums[i / parts] += milliseconds[i] / share;
    }
    return of(sums);
  }

  double median() {
    return quantile(0.5);
  }

  double minimum() {
    return sorted[0];
  }

  /** The value that is not exceeded by this part of them. */
  double quantile(double part) {
    return sorted[Math.min(sorted.length - 1, (int) (part * sorted.length))];
  }

  /** Puts median, minimum and count into a row. */
  void addTo(Map<String, Object> row) {
    row.put("milliseconds", median());
    row.put("minimum_milliseconds", minimum());
    row.put("rounds", sorted.length);
  }

  /** How often something can be done in some seconds: between 5 times and {@code most}. */
  static int rounds(double seconds, double millisecondsOfOne, int most) {
    return Math.clamp((long) (1000 * seconds / millisecondsOfOne), Math.min(5, most), most);
  }
}
