package dev.fovea.converter;

import java.util.List;

/**
 * How an artifact compares with the weights it was made from.
 *
 * @param tensors number of tensors compared
 * @param elements number of elements compared
 * @param mismatches tensors whose elements differ
 * @param problems anything else that is wrong, in words: another source, a tensor too many
 */
public record Verification(
    int tensors, long elements, List<Mismatch> mismatches, List<String> problems) {

  /**
   * A tensor that differs.
   *
   * @param tensor its canonical name
   * @param differences number of elements that differ
   * @param firstIndex index of the first of them, in row-major order
   * @param actual what the artifact has there
   * @param expected what the source has there, rounded to the artifact's element type
   */
  public record Mismatch(
      String tensor, long differences, long firstIndex, float actual, float expected) {}

  /** Copies the lists. */
  public Verification {
    mismatches = List.copyOf(mismatches);
    problems = List.copyOf(problems);
  }

  /** Whether the artifact is what converting the source gives. */
  public boolean passed() {
    return mismatches.isEmpty() && problems.isEmpty();
  }
}
