package dev.fovea.kernels.cpu;

import dev.fovea.kernels.WeightStorage;

/** Rounds weights to 16 bits, to nearest with ties to even, and widens them again. */
public final class HalfPrecision {

  private HalfPrecision() {}

  /**
   * The 16 bits of a weight.
   *
   * @param storage F16 or BF16
   * @throws IllegalArgumentException if the weight is finite, but not in this storage
   */
  public static short round(float weight, WeightStorage storage) {
    short half =
        storage == WeightStorage.F16 ? Float.floatToFloat16(weight) : roundToBfloat16(weight);
    if (Float.isFinite(weight) && !Float.isFinite(widen(half, storage))) {
      throw new IllegalArgumentException(
          "a weight of %s is too large for %s; keep the weights in F32".formatted(weight, storage));
    }
    return half;
  }

  /** The exact value of 16 bits. */
  public static float widen(short half, WeightStorage storage) {
    return storage == WeightStorage.F16
        ? Float.float16ToFloat(half)
        : Float.intBitsToFloat(half << 16);
  }

  private static short roundToBfloat16(float weight) {
    int bits = Float.floatToRawIntBits(weight);
    if (Float.isNaN(weight)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    int tieToEven = 0x7fff + ((bits >>> 16) & 1);
    return (short) ((bits + tieToEven) >>> 16);
  }
}
