package dev.fovea;

/**
 * A hidden neuron of an MLP that makes outliers.
 *
 * @param block of which MLP, from 0
 * @param index among the hidden channels, from 0
 * @param score mean absolute activation at the outliers it was found by; 0 where nobody knows
 */
public record RegisterNeuron(int block, int index, double score) {

  /** Checks the ranges that do not depend on the model. */
  public RegisterNeuron {
    if (block < 0 || index < 0 || !(score >= 0) || score == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "a register neuron needs a block and an index from 0 and a finite score from 0, got"
              + " block %d, index %d, score %s".formatted(block, index, score));
    }
  }

  /** Without a score. */
  public RegisterNeuron(int block, int index) {
    this(block, index, 0);
  }
}
