package dev.fovea.probes;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Classifies by the nearest of the labelled vectors, as DINO does: each of the k with the largest
 * cosine votes for its class with {@code exp(cosine / temperature)}. All votes are divided by that
 * of the nearest, so that low temperatures do not overflow.
 */
public final class NearestNeighbours {

  /** The temperature that DINO and DINOv2 vote with. */
  public static final double TEMPERATURE = 0.07;

  private final List<float[]> unit;
  private final List<Integer> labels;
  private final int classes;
  private final int k;
  private final double temperature;

  /**
   * A classifier.
   *
   * @param samples the vectors that vote
   * @param k how many vote; all where there are fewer
   */
  public NearestNeighbours(LabelledVectors samples, int classes, int k, double temperature) {
    if (k < 1 || !(temperature > 0) || samples.size() == 0) {
      throw new IllegalArgumentException(
          "expected vectors, a positive k and a positive temperature, got "
              + samples.size()
              + " vectors, k "
              + k
              + " and temperature "
              + temperature);
    }
    this.unit = samples.vectors().stream().map(NearestNeighbours::normalize).toList();
    this.labels = List.copyOf(samples.labels());
    this.classes = classes;
    this.k = Math.min(k, unit.size());
    this.temperature = temperature;
  }

  /** The class with the most votes; of equal ones, and of neighbours as near, the first. */
  public int predict(float[] vector) {
    float[] query = normalize(vector);
    double[] cosines = unit.stream().mapToDouble(sample -> dot(query, sample)).toArray();
    double[] votes = new double[classes];
    List<Integer> nearest =
        IntStream.range(0, cosines.length)
            .boxed()
            .sorted(Comparator.comparingDouble(sample -> -cosines[sample]))
            .limit(k)
            .toList();
    double largest = cosines[nearest.getFirst()];
    for (int sample : nearest) {
      votes[labels.get(sample)] += Math.exp((cosines[sample] - largest) / temperature);
    }
    return LinearMap.largest(votes);
  }

  private static float[] normalize(float[] vector) {
    double norm = Math.sqrt(dot(vector, vector));
    float[] unit = new float[vector.length];
    for (int i = 0; i < unit.length && norm > 0; i++) {
      unit[i] = (float) (vector[i] / norm);
    }
    return unit;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
