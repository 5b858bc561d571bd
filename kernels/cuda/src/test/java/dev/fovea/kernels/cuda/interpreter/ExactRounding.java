package dev.fovea.kernels.cuda.interpreter;

import java.math.BigDecimal;

/**
 * Rounds exact numbers to binary formats by trying what is there, as a reference that is too simple
 * to be wrong.
 */
final class ExactRounding {

  private ExactRounding() {}

  /** The nearest float32, ties to even. */
  static float nearest(BigDecimal exact) {
    return exact.floatValue();
  }

  /** The largest float32 that is not above. */
  static float down(BigDecimal exact) {
    float candidate = exact.floatValue();
    return Float.isFinite(candidate) && new BigDecimal(candidate).compareTo(exact) <= 0
        ? candidate
        : Math.nextDown(candidate);
  }

  /** The smallest float32 that is not below. */
  static float up(BigDecimal exact) {
    return -down(exact.negate());
  }

  /** The nearest 16-bit number, ties to even; for numbers that are not beyond the largest. */
  static int nearest(HalfFormat format, BigDecimal exact) {
    int best = 0;
    BigDecimal bestDistance = null;
    int start = format.round(exact.floatValue());
    for (int candidate = Math.max(0, start - 2); candidate <= start + 2; candidate++) {
      if (Float.isFinite(format.widen(candidate))) {
        BigDecimal distance = new BigDecimal(format.widen(candidate)).subtract(exact).abs();
        int comparison = bestDistance == null ? -1 : distance.compareTo(bestDistance);
        if (comparison < 0 || (comparison == 0 && (candidate & 1) == 0)) {
          best = candidate;
          bestDistance = distance;
        }
      }
    }
    return best;
  }
}
