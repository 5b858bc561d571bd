package dev.fovea.converter;

import dev.fovea.PositionPolicy;
import dev.fovea.Registers;
import dev.fovea.checkpoint.DType;
import java.util.Objects;

/**
 * How weights are converted.
 *
 * @param dtype element type of the artifact: F32 keeps float32 sources bit for bit, F16 and BF16
 *     halve the size and round to nearest
 * @param positionPolicy how position embeddings are resampled; null for the way of the origin
 * @param registers a test-time register or an attention bias that the artifact shall run with; null
 *     for what the source says, which is as trained unless it is an artifact with such a thing
 */
public record ConvertOptions(DType dtype, PositionPolicy positionPolicy, Registers registers) {

  /** Float32, and everything else as the origin has it. */
  public static final ConvertOptions DEFAULT = new ConvertOptions(DType.F32, null, null);

  /** Checks the element type. */
  public ConvertOptions {
    Objects.requireNonNull(dtype, "dtype");
    if (dtype == DType.F64) {
      throw new IllegalArgumentException("artifacts are F32, F16 or BF16, got " + dtype);
    }
  }

  /** The same with another element type. */
  public ConvertOptions withDtype(DType newDtype) {
    return new ConvertOptions(newDtype, positionPolicy, registers);
  }

  /** The same with another position policy; null for the way of the origin. */
  public ConvertOptions withPositionPolicy(PositionPolicy newPolicy) {
    return new ConvertOptions(dtype, newPolicy, registers);
  }

  /** The same with something else in the place of registers; null for what the source says. */
  public ConvertOptions withRegisters(Registers newRegisters) {
    return new ConvertOptions(dtype, positionPolicy, newRegisters);
  }
}
