package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Checks the statistics that a residual stream carries. */
final class Statistics {

  private Statistics() {}

  /**
   * Of every 32 columns the sum and the sum of squared differences from the mean. float32 adds 32
   * numbers with an error of a few last places of the largest partial sum.
   */
  static void check(Scene scene, GpuTokens tokens, float[] full) {
    float[] got = scene.statistics(tokens);
    int next = 0;
    for (int row = 0; row < tokens.images() * tokens.rows(); row++) {
      for (int group = 0; group < tokens.groups(); group++) {
        int first = group * GpuTokens.STATISTICS_COLUMNS;
        int columns = Math.clamp(tokens.width() - (long) first, 0, GpuTokens.STATISTICS_COLUMNS);
        double sum = 0;
        double sizes = 0;
        for (int j = 0; j < columns; j++) {
          sum += full[row * tokens.width() + first + j];
          sizes += Math.abs(full[row * tokens.width() + first + j]);
        }
        double squares = 0;
        for (int j = 0; j < columns; j++) {
          double difference = full[row * tokens.width() + first + j] - sum / columns;
          squares += difference * difference;
        }
        double places = 8 * Math.pow(2, -24);
        assertThat((double) got[next++])
            .as("sum of row %d, group %d", row, group)
            .isCloseTo(sum, within(places * sizes));
        assertThat((double) got[next++])
            .as("squares of row %d, group %d", row, group)
            .isCloseTo(squares, within(places * (squares + sizes * sizes / 32)));
      }
    }
  }
}
