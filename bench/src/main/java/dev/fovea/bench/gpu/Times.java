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
   * Of rounds of the same work, the time of a piece of it.
   *
   * @param pieces of a round
   */
  static Times of(float[] milliseconds, int pieces) {
    double[] shares = new double[milliseconds.length];
    for (int i = 0; i < shares.length; i++) {
      shares[i] = (double) milliseconds[i] / pieces;
    }
    return of(shares);
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
