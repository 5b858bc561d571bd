package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class ErrorFunctionTest {

  @Test
  void agreesWithThePowerSeries() {
    for (double x = -5; x <= 5; x += 0.001) {
      assertThat(ErrorFunction.erfc(x)).isCloseTo(1 - Reference.erf(x), within(1e-14));
    }
  }

  /** The first terms of the asymptotic series, Abramowitz and Stegun 7.1.23. */
  @Test
  void keepsItsRelativeAccuracyInTheTail() {
    for (double x = 12; x < 25; x += 0.37) {
      double y = 1 / (2 * x * x);
      double series = 1 - y + 3 * y * y - 15 * Math.pow(y, 3) + 105 * Math.pow(y, 4);
      double expected = Math.exp(-x * x) / (x * Math.sqrt(Math.PI)) * series;
      assertThat(ErrorFunction.erfc(x) / expected).isCloseTo(1, within(1e-8));
    }
  }

  @Test
  void saturates() {
    assertThat(ErrorFunction.erfc(Double.POSITIVE_INFINITY)).isZero();
    assertThat(ErrorFunction.erfc(Double.NEGATIVE_INFINITY)).isEqualTo(2);
    assertThat(ErrorFunction.erfc(Double.NaN)).isNaN();
  }
}
