package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The products for compute capability 9.0 in every tile, beside float64 on the same operands. */
class HopperProductsTest {

  static Stream<Arguments> normLinearTiles() {
    return cases(HopperProducts.NORM_LINEAR, 1, 70, 131, 200, 300);
  }

  static Stream<Arguments> linearAddTiles() {
    return cases(HopperProducts.LINEAR_ADD, 33, 1, 65, 130, 257);
  }

  private static Stream<Arguments> cases(List<Tile> tiles, int... rows) {
    List<Arguments> cases = new ArrayList<>();
    for (Precision precision : Precision.values()) {
      for (int i = 0; i < tiles.size(); i++) {
        cases.add(Arguments.of(precision, tiles.get(i), rows[i]));
      }
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("normLinearTiles")
  void everyTileOfNormLinearIsRight(Precision precision, Tile tile, int rows) {
    NormLinearKernelTest.Layer layer =
        new NormLinearKernelTest.Layer(200, 136, Activation.NONE, 1);
    float[] x = Numbers.random(2, rows * 200, 0.3, 1.5);
    NormLinearKernelTest.check(
        InterpretedGpu.hopper(precision), precision, tile, layer, 1, rows, x, new Rows(0, rows));
  }
}
