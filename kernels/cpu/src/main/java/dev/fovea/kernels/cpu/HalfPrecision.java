package dev.fovea.kernels.cpu;

import dev.fovea.kernels.WeightStorage;

/** Rounds weights to 16 bits, to nearest with ties to even, and widens them again. */
public final class HalfPrecision {

  private HalfPrecision() {}

  /** Halfway between the largest finite number and the power of two behind it; rounds to that. */
  private static final float F16_LIMIT = 65520;

  private static final float BF16_LIMIT = 0x1.ffp127f;

  /**
   * Checks that rounding makes no finite weight infinite.
   *
   * @param what the weight is, for the message
   * @param weight [rows, inputs] row-major
   * @throws IllegalArgumentException if an element is too large for this storage
   */
  static void checkRange(String what, float[] weight, int inputs, WeightStorage storage) {
    if (storage == WeightStorage.F32) {
      return;
    }
    float limit = storage == WeightStorage.F16 ? F16_LIMIT : BF16_LIMIT;
    for (int i = 0; i < weight.length; i++) {
      if (Math.abs(weight[i]) >= limit && Float.isFinite(weight[i])) {
        throw new IllegalArgumentException(
            "%s has %s at row %d, column %d, which is too large for %s; keep the weights in F32"
                .formatted(what, weight[i], i / inputs, i % inputs, storage));
      }
    }
  }

  /** The 16 bits of a weight in F16 or BF16. */
  public static short round(float weight, WeightStorage storage) {
    return storage == WeightStorage.F16 ? Float.floatToFloat16(weight) : roundToBfloat16(weight);
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
