package dev.fovea.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DTypeTest {

  @Test
  void everyFloat16IsExact() {
    float[] values = decodeAll16(DType.F16);
    for (int bits = 0; bits < 0x10000; bits++) {
      int exponent = bits >> 10 & 31;
      int mantissa = bits & 1023;
      double magnitude =
          switch (exponent) {
            case 0 -> mantissa * 0x1p-24;
            case 31 -> mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
            default -> (1024 + mantissa) * Math.scalb(1.0, exponent - 25);
          };
      float expected = (float) (bits < 0x8000 ? magnitude : -magnitude);
      assertThat(Float.floatToIntBits(values[bits])).isEqualTo(Float.floatToIntBits(expected));
    }
  }

  @Test
  void everyBfloat16IsTheUpperHalfOfAFloat() {
    float[] values = decodeAll16(DType.BF16);
    for (int bits = 0; bits < 0x10000; bits++) {
      assertThat(Float.floatToIntBits(values[bits]))
          .isEqualTo(Float.floatToIntBits(Float.intBitsToFloat(bits << 16)));
    }
  }

  @Test
  void everyValueOf16BitsIsWrittenAsItself() {
    for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
      float[] values = decodeAll16(dtype);
      MemorySegment encoded = MemorySegment.ofArray(new byte[values.length * 2]);
      dtype.encode(values, 0, encoded, 0, values.length);
      float[] again = new float[values.length];
      dtype.decode(encoded, 0, again, 0, again.length);
      assertThat(again).isEqualTo(values);
    }
  }

  private static float[] decodeAll16(DType dtype) {
    ByteBuffer buffer = ByteBuffer.allocate(0x20000).order(ByteOrder.LITTLE_ENDIAN);
    for (int bits = 0; bits < 0x10000; bits++) {
      buffer.putShort((short) bits);
    }
    float[] values = new float[0x10000];
    dtype.decode(MemorySegment.ofArray(buffer.array()), 0, values, 0, values.length);
    return values;
  }

  @Test
  void float64IsRoundedOnce() {
    double[] doubles = {
      0.1,
      -0.0,
      Double.POSITIVE_INFINITY,
      Double.NEGATIVE_INFINITY,
      1e-300,
      Double.NaN,
      0x1.000001p0,
      0x1.000003p0,
      0x1p-149,
      0x1p-150,
      0x1.000000000001p-150
    };
    ByteBuffer buffer = ByteBuffer.allocate(doubles.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    buffer.asDoubleBuffer().put(doubles);
    float[] values = new float[doubles.length];
    DType.F64.decode(MemorySegment.ofArray(buffer.array()), 0, values, 0, values.length);
    assertThat(values)
        .isEqualTo(
            new float[] {
              0.1f,
              -0f,
              Float.POSITIVE_INFINITY,
              Float.NEGATIVE_INFINITY,
              0f,
              Float.NaN,
              1f,
              0x1.000004p0f,
              Float.MIN_VALUE,
              0f,
              Float.MIN_VALUE
            });
  }

  @Test
  void float64ThatNoFloat32HoldsIsRefused() {
    ByteBuffer buffer = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putDouble(-1e300);
    MemorySegment bytes = MemorySegment.ofArray(buffer.array());
    assertThatThrownBy(() -> DType.F64.decode(bytes, 0, new float[1], 0, 1))
        .isInstanceOf(ArithmeticException.class)
        .hasMessage("-1.0E300 is too large for float32");
  }

  @Test
  void ties16BitsGoToEven() {
    // Halfway between neighbours, of which the even one is below, then above.
    assertThat(round(DType.F16, 0x1.002p0f)).isEqualTo(1f);
    assertThat(round(DType.F16, 0x1.006p0f)).isEqualTo(0x1.008p0f);
    assertThat(round(DType.F16, 0x1.002002p0f)).isEqualTo(0x1.004p0f);
    assertThat(round(DType.F16, 0x1p-25f)).isEqualTo(0f);
    assertThat(round(DType.F16, 0x1.8p-24f)).isEqualTo(0x1p-23f);
    assertThat(round(DType.BF16, 0x1.01p0f)).isEqualTo(1f);
    assertThat(round(DType.BF16, 0x1.03p0f)).isEqualTo(0x1.04p0f);
    assertThat(round(DType.BF16, -0x1.010002p0f)).isEqualTo(-0x1.02p0f);
    assertThat(round(DType.BF16, Float.MIN_VALUE)).isEqualTo(0f);
  }

  @ParameterizedTest
  @EnumSource
  void specialValuesStay(DType dtype) {
    assertThat(round(dtype, Float.NaN)).isNaN();
    assertThat(round(dtype, Float.intBitsToFloat(0x7F80_0001))).isNaN();
    assertThat(round(dtype, Float.intBitsToFloat(0xFFFF_FFFF))).isNaN();
    assertThat(round(dtype, Float.NEGATIVE_INFINITY)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(Float.floatToIntBits(round(dtype, -0f))).isEqualTo(Float.floatToIntBits(-0f));
  }

  @Test
  void finiteValuesNeverBecomeInfinite() {
    assertThat(round(DType.F16, 65519f)).isEqualTo(65504f);
    assertThatThrownBy(() -> round(DType.F16, 65520f))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("65520");
    assertThatThrownBy(() -> round(DType.BF16, -Float.MAX_VALUE))
        .isInstanceOf(ArithmeticException.class);
  }

  private static float round(DType dtype, float value) {
    MemorySegment buffer = MemorySegment.ofArray(new byte[9]);
    float[] values = {7, value, 7};
    dtype.encode(values, 1, buffer, 1, 1); // at an odd address
    dtype.decode(buffer, 1, values, 2, 1);
    assertThat(values[0]).isEqualTo(7);
    return values[2];
  }
}
