package dev.fovea.probes;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;

/**
 * Vectors and their classes.
 *
 * @param vectors all of one length
 * @param labels index of the class of each
 */
public record LabelledVectors(List<float[]> vectors, List<Integer> labels) {

  /** An empty list to add to. */
  public LabelledVectors() {
    this(new ArrayList<>(), new ArrayList<>());
  }

  /** Adds one; all have the same length. */
  public void add(float[] vector, int label) {
    if (!vectors.isEmpty() && vectors.getFirst().length != vector.length) {
      throw new IllegalArgumentException(
          "expected " + vectors.getFirst().length + " numbers, got " + vector.length);
    }
    vectors.add(vector);
    labels.add(label);
  }

  /** How many there are. */
  public int size() {
    return vectors.size();
  }

  /** The share of vectors that a classifier puts into their class; NaN if there are none. */
  public double accuracy(ToIntFunction<float[]> classifier) {
    long right =
        IntStream.range(0, size())
            .parallel()
            .filter(i -> classifier.applyAsInt(vectors.get(i)) == labels.get(i))
            .count();
    return right / (double) size();
  }
}
