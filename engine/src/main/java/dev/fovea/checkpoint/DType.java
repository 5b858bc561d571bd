package dev.fovea.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/** Element types that weights come in. */
public enum DType {
  /** IEEE float32. */
  F32(4) {
    @Override
    public void decode(MemorySegment from, long at, float[] target, int offset, int count) {
      MemorySegment.copy(from, FLOAT, at, target, offset, count);
    }

    @Override
    public void encode(float[] source, int offset, MemorySegment to, long at, int count) {
      MemorySegment.copy(source, offset, to, FLOAT, at, count);
    }
  },
  /** IEEE float16. */
  F16(2) {
    @Override
    public void decode(MemorySegment from, long at, float[] target, int offset, int count) {
      for (int i = 0; i < count; i++) {
        target[offset + i] = Float.float16ToFloat(from.get(SHORT, at + 2L * i));
      }
    }

    @Override
    public void encode(float[] source, int offset, MemorySegment to, long at, int count) {
      for (int i = 0; i < count; i++) {
        short half = Float.floatToFloat16(source[offset + i]);
        checkRange(source[offset + i], Float.float16ToFloat(half));
        to.set(SHORT, at + 2L * i, half);
      }
    }
  },
  /** bfloat16: the upper half of a float32. */
  BF16(2) {
    @Override
    public void decode(MemorySegment from, long at, float[] target, int offset, int count) {
      for (int i = 0; i < count; i++) {
        target[offset + i] = Float.intBitsToFloat(from.get(SHORT, at + 2L * i) << 16);
      }
    }

    @Override
    public void encode(float[] source, int offset, MemorySegment to, long at, int count) {
      for (int i = 0; i < count; i++) {
        int rounded = roundToUpperHalf(source[offset + i]);
        checkRange(source[offset + i], Float.intBitsToFloat(rounded));
        to.set(SHORT, at + 2L * i, (short) (rounded >>> 16));
      }
    }
  },
  /** IEEE float64. */
  F64(8) {
    @Override
    public void decode(MemorySegment from, long at, float[] target, int offset, int count) {
      for (int i = 0; i < count; i++) {
        double value = from.get(DOUBLE, at + 8L * i);
        target[offset + i] = (float) value;
        if (Float.isInfinite(target[offset + i]) && !Double.isInfinite(value)) {
          throw new ArithmeticException(value + " is too large for float32");
        }
      }
    }

    @Override
    public void encode(float[] source, int offset, MemorySegment to, long at, int count) {
      for (int i = 0; i < count; i++) {
        to.set(DOUBLE, at + 8L * i, source[offset + i]);
      }
    }
  };

  /** Bytes that {@link #decodeMapped} converts at a time. */
  private static final int CHUNK = 1 << 16;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** The type of that name in the safetensors format, if it is one of these. */
  public static Optional<DType> find(String name) {
    return Arrays.stream(values()).filter(dtype -> dtype.name().equals(name)).findFirst();
  }

  /** Bytes of an element. */
  public int bytes() {
    return bytes;
  }

  /**
   * Widens (or, from F64, rounds) little-endian elements to float32.
   *
   * @param at byte offset of the first element in {@code from}; any alignment
   * @throws ArithmeticException if an element is finite, but not as a float32
   */
  public abstract void decode(MemorySegment from, long at, float[] target, int offset, int count);

  /**
   * As {@link #decode}, from a mapped file. Elements come out of the mapping by bulk copies only:
   * where the file has been truncated since, the JVM turns the fault in a bulk copy into an
   * InternalError on the spot, one in compiled code into an error some instructions later.
   */
  public void decodeMapped(MemorySegment file, long at, float[] target, int offset, int count) {
    if (this == F32) {
      decode(file, at, target, offset, count);
      return;
    }
    int chunk = Math.min(count, CHUNK / bytes);
    MemorySegment buffer = MemorySegment.ofArray(new byte[chunk * bytes]);
    for (int done = 0; done < count; done += chunk) {
      int now = Math.min(chunk, count - done);
      MemorySegment.copy(file, at + (long) done * bytes, buffer, 0, (long) now * bytes);
      decode(buffer, 0, target, offset + done, now);
    }
  }

  /**
   * Rounds float32 to little-endian elements, to nearest with ties to even.
   *
   * @param at byte offset of the first element in {@code to}; any alignment
   * @throws ArithmeticException if a finite value is too large for the type
   */
  public abstract void encode(float[] source, int offset, MemorySegment to, long at, int count);

  /** The bits of a float32 rounded to its upper 16 bits; a NaN stays one. */
  private static int roundToUpperHalf(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (bits | 0x0040_0000) & 0xFFFF_0000;
    }
    return (bits + 0x7FFF + ((bits >>> 16) & 1)) & 0xFFFF_0000;
  }

  void checkRange(float value, float stored) {
    if (Float.isInfinite(stored) && !Float.isInfinite(value)) {
      throw new ArithmeticException(value + " is too large for " + this);
    }
  }
}
