package dev.fovea.kernels.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cpu.HalfPrecision;
import dev.fovea.kernels.cpu.TestSupport;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The functions of the vector kernels against float64. */
@Tag("every-kernel")
@Tag("vector-only")
class VectorMathTest {

  /** Odd, so that the sweep over all float bit patterns meets every exponent and many fractions. */
  private static final int STEP = 1009;

  private static final int BATCH = Epilogue.SCRATCH / 2;

  @BeforeEach
  void needsVectorKernels() {
    TestSupport.assumeVectorKernels();
  }

  @Test
  void exponentialIsWithinTwoUnitsInTheLastPlace() {
    double worst = 0;
    int checked = 0;
    for (float[] batch = new float[BATCH], x = new float[BATCH]; ; ) {
      for (int i = 0; i < BATCH; i++, checked++) {
        x[i] = -87 + checked * 1e-4f;
      }
      System.arraycopy(x, 0, batch, 0, BATCH);
      VectorMath.exp(batch, 0, BATCH);
      for (int i = 0; i < BATCH && x[i] < 88.3f; i++) {
        double expected = Math.exp(x[i]);
        worst = Math.max(worst, Math.abs(batch[i] - expected) / Math.ulp((float) expected));
      }
      if (x[BATCH - 1] >= 88.3f) {
        break;
      }
    }
    assertThat(checked).isGreaterThan(1_700_000);
    assertThat(worst).isLessThan(2);
  }

  @Test
  void exponentialSaturates() {
    float[] x = new float[BATCH];
    float[] special = {
      -87.001f, -1e30f, Float.NEGATIVE_INFINITY, 89, 1e30f, Float.POSITIVE_INFINITY, Float.NaN, -0f
    };
    System.arraycopy(special, 0, x, 0, special.length);
    VectorMath.exp(x, 0, BATCH);
    float infinity = Float.POSITIVE_INFINITY;
    assertThat(Arrays.copyOf(x, special.length))
        .containsExactly(0, 0, 0, infinity, infinity, infinity, Float.NaN, 1);
  }

  @Test
  void geluIsRightForAllFloats() {
    double worst = 0;
    int checked = 0;
    float[] tile = new float[RowTiles.TILE_SIZE];
    float[] x = new float[BATCH];
    for (long bits = 0; bits < 1L << 32; ) {
      for (int i = 0; i < BATCH; i++, bits += STEP) {
        x[i] = Float.intBitsToFloat((int) bits);
      }
      System.arraycopy(x, 0, tile, 0, BATCH);
      gelu(tile);
      for (int i = 0; i < BATCH; i++) {
        if (Float.isFinite(x[i])) {
          worst = Math.max(worst, Math.abs(tile[i] - TestSupport.gelu(x[i])));
          checked++;
        } else if (Float.isNaN(x[i])) {
          assertThat(tile[i]).isNaN();
        }
      }
    }
    assertThat(checked).isGreaterThan(4_000_000);
    assertThat(worst).isLessThan(5e-7);
  }

  @Test
  void geluIsRightWhereItsErrorIsLargest() {
    double worst = 0;
    float[] tile = new float[RowTiles.TILE_SIZE];
    float[] x = new float[BATCH];
    for (int start = -12_000_000; start < 12_000_000; start += 10 * BATCH) {
      for (int i = 0; i < BATCH; i++) {
        x[i] = (start + 10 * i) * 1e-6f;
      }
      System.arraycopy(x, 0, tile, 0, BATCH);
      gelu(tile);
      for (int i = 0; i < BATCH; i++) {
        worst = Math.max(worst, Math.abs(tile[i] - TestSupport.gelu(x[i])));
      }
    }
    assertThat(worst).isBetween(1e-9, 5e-7);
  }

  @ParameterizedTest
  @EnumSource(
      value = WeightStorage.class,
      names = {"F16", "BF16"})
  void sixteenBitsAreWidenedExactly(WeightStorage storage) {
    short[] halves = new short[1 << 16];
    for (int bits = 0; bits < halves.length; bits++) {
      halves[bits] = (short) bits;
    }
    float[] widened = new float[halves.length];
    Widening.widen(storage, halves, 0, halves.length, widened, 0);
    for (int bits = 0; bits < halves.length; bits++) {
      Float expected = HalfPrecision.widen((short) bits, storage);
      assertThat(Float.valueOf(widened[bits])).isEqualTo(expected);
    }
  }

  @Test
  void geluOfInfinityIsInfinityOrZero() {
    float[] tile = new float[RowTiles.TILE_SIZE];
    tile[0] = Float.POSITIVE_INFINITY;
    tile[1] = Float.NEGATIVE_INFINITY;
    gelu(tile);
    assertThat(tile[0]).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(tile[1]).isZero();
  }

  /** Applies the activation to the first elements, which lie one panel after another. */
  private static void gelu(float[] elements) {
    float[] none = new float[Lanes.PANEL];
    for (int i = 0; i < BATCH; i += Lanes.PANEL) {
      Epilogue.gelu(elements, i, 1, none, 0, elements, i);
    }
  }
}
