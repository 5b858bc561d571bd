package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.WeightStorage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HalfPrecisionTest {

  @ParameterizedTest
  @EnumSource(
      value = WeightStorage.class,
      names = {"F16", "BF16"})
  void roundsBackEveryValueItCanHold(WeightStorage storage) {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = HalfPrecision.widen((short) bits, storage);
      short back = HalfPrecision.round(value, storage);
      if (Float.isNaN(value)) {
        assertThat(HalfPrecision.widen(back, storage)).isNaN();
      } else {
        assertThat(back).isEqualTo((short) bits);
      }
    }
  }

  @Test
  void bfloat16RoundsToTheNearestAndTiesToEven() {
    assertThat(rounded(0x1.00fp0f)).isEqualTo(1f);
    assertThat(rounded(0x1.01p0f)).isEqualTo(1f);
    assertThat(rounded(0x1.011p0f)).isEqualTo(0x1.02p0f);
    assertThat(rounded(0x1.03p0f)).isEqualTo(0x1.04p0f);
    assertThat(rounded(-0x1.03p0f)).isEqualTo(-0x1.04p0f);
    assertThat(rounded(Float.NEGATIVE_INFINITY)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(rounded(Float.intBitsToFloat(0x7f800001))).isNaN();
  }

  private static float rounded(float value) {
    return HalfPrecision.widen(HalfPrecision.round(value, WeightStorage.BF16), WeightStorage.BF16);
  }
}
