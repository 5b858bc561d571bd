package dev.fovea.bench.peers;

import java.util.Arrays;
import java.util.List;

/**
 * A result: one engine on one configuration, over all rounds.
 *
 * @param model as it was named on the command line
 * @param pixels side of the images
 * @param batch images in one call
 * @param p99Ms 99th percentile (nearest rank)
 * @param firstEmbeddingMs from the start of the process to its first result: median of the rounds
 * @param peakMib most resident memory of the process at any time until its end: the largest of the
 *     rounds
 * @param maxDifference largest absolute difference from Fovea's output
 */
record Row(
    Engine engine,
    String model,
    int pixels,
    int threads,
    int batch,
    Output output,
    double minMs,
    double medianMs,
    double p99Ms,
    double imagesPerSecond,
    double firstEmbeddingMs,
    double peakMib,
    double maxDifference) {

  /**
   * Puts the rounds of a configuration together.
   *
   * @param reference Fovea's output
   */
  static Row of(
      Engine engine,
      String model,
      Task task,
      int threads,
      List<WorkerProcess.Outcome> rounds,
      float[] reference) {
    double[] times =
        rounds.stream()
            .flatMapToDouble(round -> Arrays.stream(round.report().milliseconds()))
            .sorted()
            .toArray();
    double[] firsts =
        rounds.stream().mapToDouble(WorkerProcess.Outcome::firstMilliseconds).sorted().toArray();
    double median = median(times);
    return new Row(
        engine,
        model,
        task.pixels(),
        threads,
        task.batch(),
        task.output(),
        rounded(times[0], 1000),
        rounded(median, 1000),
        rounded(times[(int) Math.ceil(0.99 * times.length) - 1], 1000),
        rounded(1000 * task.batch() / median, 1000),
        rounded(median(firsts), 10),
        rounded(
            rounds.stream().mapToLong(round -> round.report().peakKib()).max().orElseThrow()
                / 1024.0,
            10),
        rounds.stream()
            .mapToDouble(round -> difference(round.output(), reference))
            .max()
            .orElse(0));
  }

  private static double rounded(double value, int steps) {
    return (double) Math.round(value * steps) / steps;
  }

  private static double median(double[] sorted) {
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /** Largest absolute difference; infinite where lengths differ or something is not a number. */
  static double difference(float[] actual, float[] expected) {
    if (actual.length != expected.length) {
      return Double.POSITIVE_INFINITY;
    }
    double largest = 0;
    for (int i = 0; i < actual.length; i++) {
      double difference = Math.abs((double) actual[i] - expected[i]);
      largest = difference <= largest ? largest : difference;
      if (Double.isNaN(difference)) {
        return Double.POSITIVE_INFINITY;
      }
    }
    return largest;
  }

  /** Whether two rows are of the same configuration. */
  boolean comparable(Row other) {
    return model.equals(other.model)
        && pixels == other.pixels
        && threads == other.threads
        && batch == other.batch
        && output == other.output;
  }
}
