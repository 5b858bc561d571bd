package dev.fovea.converter;

import dev.fovea.Registers;
import java.util.List;

/**
 * How an artifact compares with the weights it was made from.
 *
 * @param tensors number of tensors compared
 * @param elements number of elements compared
 * @param registers what the artifact has in their place and the source has not; as trained if that
 *     is nothing
 * @param mismatches tensors whose elements differ
 * @param problems anything else that is wrong, in words: another source, a tensor too many
 * @param deviations of the model's outputs from a golden file's; empty if there was none
 */
public record Verification(
    int tensors,
    long elements,
    Registers registers,
    List<Mismatch> mismatches,
    List<String> problems,
    List<Deviation> deviations) {

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

  /**
   * How far an output is from the reference's.
   *
   * @param tensor its name in the golden file
   * @param relativeError L2 norm of the difference divided by that of the reference
   * @param tolerance what float32 arithmetic may make of it
   */
  public record Deviation(String tensor, double relativeError, double tolerance) {
    /** Whether it is small enough; NaN is not. */
    public boolean passed() {
      return relativeError <= tolerance;
    }
  }

  /** Copies the lists. */
  public Verification {
    mismatches = List.copyOf(mismatches);
    problems = List.copyOf(problems);
    deviations = List.copyOf(deviations);
  }

  /** Whether the artifact is what converting the source gives, and computes what it should. */
  public boolean passed() {
    return mismatches.isEmpty()
        && problems.isEmpty()
        && deviations.stream().allMatch(Deviation::passed);
  }
}
