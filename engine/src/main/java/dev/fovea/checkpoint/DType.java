package dev.fovea.checkpoint;

/** Element types that weights come in. */
public enum DType {
  /** IEEE float32. */
  F32(4),
  /** IEEE float16. */
  F16(2),
  /** bfloat16: the upper half of a float32. */
  BF16(2),
  /** IEEE float64. */
  F64(8);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of an element. */
  public int bytes() {
    return bytes;
  }
}
