package dev.fovea.analysis;

/**
 * Mean and standard deviation of a group of values, as of a whole population.
 *
 * @param mean of the values
 * @param deviation root of the mean squared distance from it
 */
record Group(double mean, double deviation) {

  /** Of the values from index {@code first} to before {@code end}, of which there must be some. */
  static Group of(double[] values, int first, int end) {
    double sum = 0;
    for (int i = first; i < end; i++) {
      sum += values[i];
    }
    double mean = sum / (end - first);
    double squares = 0;
    for (int i = first; i < end; i++) {
      squares += (values[i] - mean) * (values[i] - mean);
    }
    return new Group(mean, Math.sqrt(squares / (end - first)));
  }

  /** So many standard deviations above the mean. */
  double above(double deviations) {
    return mean + deviations * deviation;
  }
}
