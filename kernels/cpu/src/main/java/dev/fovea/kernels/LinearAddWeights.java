package dev.fovea.kernels;

/**
 * A linear layer whose result is scaled per channel (LayerScale) and added to the residual stream:
 * {@code x += gamma * (a W^T + b)}.
 *
 * @param weight W, [outputs, inputs] row-major
 * @param bias b, [outputs]
 * @param gamma LayerScale, [outputs]; ones where the model has none
 */
public record LinearAddWeights(float[] weight, float[] bias, float[] gamma) {

  /** Checks the sizes against each other. */
  public LinearAddWeights {
    Shapes.check("LayerScale gamma", gamma.length, bias.length);
    Shapes.checkNotEmpty("bias", bias.length);
    if (weight.length % bias.length != 0) {
      throw new IllegalArgumentException(
          "weight has " + weight.length + " elements, not a multiple of " + bias.length + " rows");
    }
  }

  /** Columns that come out. */
  public int outputs() {
    return bias.length;
  }

  /** Columns that go in. */
  public int inputs() {
    return weight.length / bias.length;
  }
}
