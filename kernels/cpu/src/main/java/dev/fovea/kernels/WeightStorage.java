package dev.fovea.kernels;

/** How packed matrices are kept in memory. Arithmetic is float32 in every case. */
public enum WeightStorage {
  /** As they are: 4 bytes a weight. */
  F32,
  /** IEEE half precision, rounded to nearest even: 2 bytes, 11 bits of significand. */
  F16,
  /** bfloat16, rounded to nearest even: 2 bytes, 8 bits of significand. */
  BF16
}
