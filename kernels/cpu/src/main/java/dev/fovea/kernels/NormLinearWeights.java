package dev.fovea.kernels;

import java.util.Objects;

/**
 * A LayerNorm, the linear layer that reads it, and the activation behind that: {@code act(norm(x)
 * W^T + b)}.
 *
 * @param norm the LayerNorm in front
 * @param weight W, [rows, norm.width()] row-major; with {@link Activation#SWIGLU} the gate's rows
 *     come first
 * @param bias b, [rows]
 * @param activation applied to the result
 */
public record NormLinearWeights(
    NormWeights norm, float[] weight, float[] bias, Activation activation) {

  /** Checks the sizes against each other. */
  public NormLinearWeights {
    Objects.requireNonNull(activation, "activation");
    Shapes.checkNotEmpty("bias", bias.length);
    Shapes.check("weight", weight.length, (long) bias.length * norm.width());
    if (activation == Activation.SWIGLU && bias.length % 2 != 0) {
      throw new IllegalArgumentException(
          "SwiGLU needs an even number of weight rows, got " + bias.length);
    }
  }

  /** Columns that come out. */
  public int outputs() {
    return activation == Activation.SWIGLU ? bias.length / 2 : bias.length;
  }
}
