package dev.fovea.kernels;

/**
 * A LayerNorm over the channels: {@code (x - mean) / sqrt(variance + epsilon) * weight + bias},
 * with the biased variance.
 *
 * @param weight scale, [width]
 * @param bias shift, [width]
 * @param epsilon added to the variance; 1e-6 in DINOv2
 */
public record NormWeights(float[] weight, float[] bias, float epsilon) {

  /** Checks that both vectors have the same length. */
  public NormWeights {
    Shapes.checkNotEmpty("LayerNorm weight", weight.length);
    Shapes.check("LayerNorm bias", bias.length, weight.length);
  }

  /** Channels. */
  public int width() {
    return weight.length;
  }
}
