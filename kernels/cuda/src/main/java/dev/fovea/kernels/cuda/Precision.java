package dev.fovea.kernels.cuda;

import dev.fovea.kernels.WeightStorage;

/**
 * The 16-bit numbers that the tensor cores multiply: weights and the activations between the verbs.
 * Sums, statistics, softmax and the residual stream are float32 with either.
 */
enum Precision {
  /** IEEE half precision, in which DINOv2 was trained. */
  F16,
  /** bfloat16: the range of float32, 8 bits of significand. */
  BF16;

  /** What stored weights say about the precision to compute in: F16 unless they are bfloat16. */
  static Precision of(WeightStorage storage) {
    return storage == WeightStorage.BF16 ? BF16 : F16;
  }

  /** The ending of this precision's kernels. */
  String suffix() {
    return this == F16 ? "f16" : "bf16";
  }

  /** Rounds to nearest, ties to even. */
  short round(float value) {
    return this == F16 ? Float.floatToFloat16(value) : roundToBfloat16(value);
  }

  /** Rounds every one of them. */
  short[] round(float[] values) {
    short[] rounded = new short[values.length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = round(values[i]);
    }
    return rounded;
  }

  /** The exact value of 16 bits. */
  float widen(short bits) {
    return this == F16 ? Float.float16ToFloat(bits) : Float.intBitsToFloat(bits << 16);
  }

  private static short roundToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    int tieToEven = 0x7fff + ((bits >>> 16) & 1);
    return (short) ((bits + tieToEven) >>> 16);
  }
}
