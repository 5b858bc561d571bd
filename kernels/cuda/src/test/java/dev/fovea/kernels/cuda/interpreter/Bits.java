package dev.fovea.kernels.cuda.interpreter;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Numbers in byte arrays, little-endian. */
final class Bits {

  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Bits() {}

  /** The 1, 2, 4 or 8 bytes from {@code index}; what is above them has no meaning. */
  static long get(byte[] bytes, int index, int size) {
    return switch (size) {
      case 1 -> bytes[index];
      case 2 -> (short) SHORT.get(bytes, index);
      case 4 -> (int) INT.get(bytes, index);
      default -> (long) LONG.get(bytes, index);
    };
  }

  /** Stores the low 1, 2, 4 or 8 bytes. */
  static void set(byte[] bytes, int index, int size, long value) {
    switch (size) {
      case 1 -> bytes[index] = (byte) value;
      case 2 -> SHORT.set(bytes, index, (short) value);
      case 4 -> INT.set(bytes, index, (int) value);
      default -> LONG.set(bytes, index, value);
    }
  }
}
