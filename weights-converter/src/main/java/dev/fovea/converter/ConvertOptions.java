package dev.fovea.converter;

import dev.fovea.PositionPolicy;
import dev.fovea.checkpoint.DType;
import java.util.Objects;

/**
 * How weights are converted.
 *
 * @param dtype element type of the artifact: F32 keeps float32 sources bit for bit, F16 and BF16
 *     halve the size and round to nearest
 * @param positionPolicy how position embeddings are resampled; null for the way of the origin
 */
public record ConvertOptions(DType dtype, PositionPolicy positionPolicy) {

  /** Float32, and the position policy of the origin. */
  public static final ConvertOptions DEFAULT = new ConvertOptions(DType.F32, null);

  /** Checks the element type. */
  public ConvertOptions {
    Objects.requireNonNull(dtype, "dtype");
    if (dtype == DType.F64) {
      throw new IllegalArgumentException("artifacts are F32, F16 or BF16, got " + dtype);
    }
  }

  /** The same with another element type. */
  public ConvertOptions withDtype(DType newDtype) {
    return new ConvertOptions(newDtype, positionPolicy);
  }

  /** The same with another position policy; null for the way of the origin. */
  public ConvertOptions withPositionPolicy(PositionPolicy newPolicy) {
    return new ConvertOptions(dtype, newPolicy);
  }
}
