package dev.fovea;

import java.util.ArrayList;
import java.util.List;

/**
 * What tells one model from another, whatever layout and precision its weights are in: sizes, and
 * some elements of the final LayerNorm's weight, which no layout changes.
 *
 * @param width channels of a token
 * @param depth blocks
 * @param hidden channels between the two matrices of an MLP
 * @param sample elements that are evenly spread over the weight, at most {@link #SAMPLES}
 */
public record Fingerprint(int width, int depth, int hidden, List<Float> sample) {

  /** Most elements of a sample. */
  public static final int SAMPLES = 16;

  /** Of an element that was rounded to bfloat16 or half precision on one side, or on both. */
  private static final float ROUNDING = 0x1p-7f;

  /** Copies the sample. */
  public Fingerprint {
    sample = List.copyOf(sample);
  }

  /**
   * Of a model.
   *
   * @param normWeight of its final LayerNorm, [width]
   */
  public static Fingerprint of(VitConfig config, float[] normWeight) {
    int count = Math.min(SAMPLES, normWeight.length);
    List<Float> sample = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      sample.add(normWeight[i * normWeight.length / count]);
    }
    return new Fingerprint(config.width(), config.depth(), config.hidden(), sample);
  }

  /** Whether it is the same model but for rounding. */
  public boolean matches(Fingerprint other) {
    if (width != other.width
        || depth != other.depth
        || hidden != other.hidden
        || sample.size() != other.sample.size()) {
      return false;
    }
    for (int i = 0; i < sample.size(); i++) {
      float a = sample.get(i);
      float b = other.sample.get(i);
      if (!(Math.abs(a - b) <= ROUNDING * Math.max(Math.abs(a), Math.abs(b)))) {
        return false;
      }
    }
    return true;
  }
}
