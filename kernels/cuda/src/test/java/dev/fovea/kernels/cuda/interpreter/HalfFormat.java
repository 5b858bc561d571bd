package dev.fovea.kernels.cuda.interpreter;

/** The two kinds of 16-bit floats. */
enum HalfFormat {
  F16,
  BF16;

  /** The format of a type, packed or not; null if it is none of 16 bits. */
  static HalfFormat of(PtxType type) {
    return switch (type) {
      case F16, F16X2 -> F16;
      case BF16, BF16X2 -> BF16;
      default -> null;
    };
  }

  /** The exact value of the low 16 bits. */
  float widen(int bits) {
    return this == F16 ? Float.float16ToFloat((short) bits) : Float.intBitsToFloat(bits << 16);
  }

  /** To nearest, ties to even; in the low 16 bits, nothing above. */
  int round(float value) {
    if (this == F16) {
      return Float.floatToFloat16(value) & 0xffff;
    }
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return 0x7fff;
    }
    return (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
  }

  /** a b + c in one rounding. */
  int fusedMultiplyAdd(float a, float b, float c) {
    double product = (double) a * b;
    double sum = product + c;
    return round(Rounding.toOddFloat(sum, Rounding.errorOfSum(product, c, sum)));
  }
}
