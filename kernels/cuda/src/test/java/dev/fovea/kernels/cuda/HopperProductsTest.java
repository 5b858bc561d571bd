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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The products for compute capability 9.0 in every tile, beside float64 on the same operands. */
class HopperProductsTest {

  static Stream<Arguments> normLinearTiles() {
    return cases(HopperProducts.NORM_LINEAR, 1, 70, 131, 200, 300);
  }

  static Stream<Arguments> linearAddTiles() {
    return cases(HopperProducts.LINEAR_ADD, 33, 1, 65, 130, 257, 190);
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

  /** 8 steps of 64, more than there are stages, the last of them with padding. */
  @ParameterizedTest
  @MethodSource("normLinearTiles")
  void everyTileOfNormLinearIsRight(Precision precision, Tile tile, int rows) {
    var layer = new NormLinearKernelTest.Layer(500, 136, Activation.NONE, 1);
    float[] x = Numbers.random(2, rows * 500, 0.3, 1.5);
    NormLinearKernelTest.check(
        InterpretedGpu.hopper(precision), precision, tile, layer, 1, rows, x, new Rows(0, rows));
  }

  /** Three images; more columns than a tile has. */
  @ParameterizedTest
  @EnumSource(Activation.class)
  void activationsAreRight(Activation activation) {
    var layer = NormLinearKernelTest.Layer.ofOutputs(64, 160, activation, 3);
    float[] x = Numbers.random(4, 3 * 40 * 64, -0.2, 3);
    Rows all = new Rows(0, 40);
    for (Precision precision : Precision.values()) {
      InterpretedGpu gpu = InterpretedGpu.hopper(precision);
      for (Tile tile : HopperProducts.NORM_LINEAR) {
        NormLinearKernelTest.check(gpu, precision, tile, layer, 3, 40, x, all);
      }
    }
  }

  /** In 8 steps, so that stages are normalised that had been used before. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void badlyConditionedRowsAreRight(Precision precision) {
    int rows = 140;
    var layer = new NormLinearKernelTest.Layer(500, 64, Activation.NONE, 5);
    float[] x = NormLinearKernelTest.badlyConditioned(rows, 500);
    Rows all = new Rows(0, rows);
    for (Tile tile : HopperProducts.NORM_LINEAR) {
      NormLinearKernelTest.check(
          InterpretedGpu.hopper(precision), precision, tile, layer, 1, rows, x, all);
    }
  }

  @Test
  void bitsOfNormLinearDependNeitherOnTilesNorOnNeighbours() {
    var layer = new NormLinearKernelTest.Layer(192, 320, Activation.GELU, 6);
    float[] x = Numbers.random(7, 3 * 50 * 192, 0.5, 1);
    for (int i = 0; i < 192; i++) {
      x[(50 + 20) * 192 + i] += 50;
    }
    float[] second = Arrays.copyOfRange(x, 50 * 192, 2 * 50 * 192);
    InterpretedGpu gpu = InterpretedGpu.hopper(Precision.F16);
    GpuPacked.NormLinear weights = gpu.packer().pack(layer.weights());
    float[] expected = normLinear(gpu, HopperProducts.NORM_LINEAR.get(0), weights, 3, x, 0, 320);
    for (Tile tile : HopperProducts.NORM_LINEAR) {
      assertThat(normLinear(gpu, tile, weights, 3, x, 0, 320)).as("%s", tile).isEqualTo(expected);
      float[] alone = normLinear(gpu, tile, weights, 1, second, 128, 64);
      for (int row = 0; row < 50; row++) {
        for (int column = 0; column < 320; column++) {
          boolean written = column >= 128 && column < 192;
          assertThat(alone[row * 320 + column])
              .isEqualTo(written ? expected[(50 + row) * 320 + column] : 0);
        }
      }
    }
  }

  /** A tile's last rows, however many there are: the same bits as among more, which are right. */
  @ParameterizedTest
  @CsvSource({"F16, 3", "BF16, 1"})
  void anyNumberOfRowsGivesTheSameBitsOfNormLinear(Precision precision, int images) {
    int rows = 300 / images;
    var layer = new NormLinearKernelTest.Layer(100, 64, Activation.QUICK_GELU, 8);
    float[] x = Numbers.random(9, 300 * 100, 0, 1);
    InterpretedGpu gpu = InterpretedGpu.hopper(precision);
    GpuPacked.NormLinear weights = gpu.packer().pack(layer.weights());
    for (Tile tile : HopperProducts.NORM_LINEAR) {
      Rows asked = new Rows(0, rows);
      float[] all = NormLinearKernelTest.check(gpu, precision, tile, layer, images, rows, x, asked);
      for (int count = 1; count < rows; count += 1 + count / 5) {
        float[] some = Numbers.firstOfEach(x, images, count * 100);
        assertThat(normLinear(gpu, tile, weights, images, some, 0, 64))
            .as("%d rows of %s", count, tile)
            .isEqualTo(Numbers.firstOfEach(all, images, count * 64));
      }
    }
  }

  /** All rows of x, some columns. */
  private static float[] normLinear(
      InterpretedGpu gpu,
      Tile tile,
      GpuPacked.NormLinear weights,
      int images,
      float[] x,
      int firstColumn,
      int columns) {
    int rows = x.length / images / weights.width();
    float[][] result = new float[1][];
    gpu.run(
        tile,
        scene -> {
          GpuTokens from = scene.residual(images, rows, weights.width(), x);
          GpuTokens to = scene.zeros(images, rows, weights.outputs(), Form.HALF);
          Columns asked = new Columns(firstColumn, columns);
          scene.run(
              plan -> scene.kernels().normLinear(plan, from, Rows.all(from), weights, asked, to));
          result[0] = scene.halves(to);
        });
    return result[0];
  }

  @ParameterizedTest
  @MethodSource("linearAddTiles")
  void everyTileOfLinearAddIsRight(Precision precision, Tile tile, int rows) {
    InterpretedGpu gpu = InterpretedGpu.hopper(precision);
    var layer = new LinearAddKernelTest.Layer(gpu, precision, 500, 136, 1);
    gpu.run(tile, scene -> LinearAddKernelTest.check(scene, layer, 1, rows, new Rows(0, rows)));
    gpu.run(tile, scene -> LinearAddKernelTest.check(scene, layer, 3, 21, new Rows(0, 21)));
  }

  /**
   * 1728 columns are 3 chains of 576; they are added by one warp group or left in memory by three.
   */
  @Test
  void bitsOfLinearAddDependNeitherOnTilesNorOnWhoAddsTheChains() {
    InterpretedGpu gpu = InterpretedGpu.hopper(Precision.F16);
    var layer = new LinearAddKernelTest.Layer(gpu, Precision.F16, 1728, 96, 3);
    List<float[]> results = new ArrayList<>();
    for (Tile tile : HopperProducts.LINEAR_ADD) {
      gpu.run(
          tile,
          scene -> results.add(LinearAddKernelTest.check(scene, layer, 2, 35, new Rows(0, 35))));
    }
    assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.get(0)));
  }

  /** The order in which blocks and warps have their turns decides on nothing. */
  @Test
  void bitsDoNotDependOnTheOrderOfWarps() {
    InterpretedGpu gpu = InterpretedGpu.hopper(Precision.F16);
    var linear = new LinearAddKernelTest.Layer(gpu, Precision.F16, 1600, 130, 4);
    var norm = new NormLinearKernelTest.Layer(500, 300, Activation.QUICK_GELU, 4);
    GpuPacked.NormLinear weights = gpu.packer().pack(norm.weights());
    float[] x = Numbers.random(5, 200 * 500, 0, 1);
    Tile split = HopperProducts.LINEAR_ADD.get(0);
    assertThat(split.split()).isTrue();
    List<float[]> sums = new ArrayList<>();
    List<float[]> products = new ArrayList<>();
    for (long seed = 1; seed <= 3; seed++) {
      gpu.shuffle(seed);
      gpu.run(
          split,
          scene -> sums.add(LinearAddKernelTest.check(scene, linear, 1, 140, new Rows(0, 140))));
      for (Tile tile : HopperProducts.NORM_LINEAR) {
        products.add(normLinear(gpu, tile, weights, 1, x, 0, 300));
      }
    }
    assertThat(sums).allSatisfy(result -> assertThat(result).isEqualTo(sums.get(0)));
    assertThat(products).allSatisfy(result -> assertThat(result).isEqualTo(products.get(0)));
  }

  /** A tile's last rows, however many there are: the same bits as among more, which are right. */
  @ParameterizedTest
  @CsvSource({"F16, 1", "BF16, 3"})
  void anyNumberOfRowsGivesTheSameBitsOfLinearAdd(Precision precision, int images) {
    int rows = 300 / images;
    InterpretedGpu gpu = InterpretedGpu.hopper(precision);
    var layer = new LinearAddKernelTest.Layer(gpu, precision, 100, 64, 5);
    float[] a = layer.a(300);
    float[] x = layer.x(300);
    for (Tile tile : HopperProducts.LINEAR_ADD) {
      gpu.run(
          tile,
          scene -> {
            Rows asked = new Rows(0, rows);
            float[] all = LinearAddKernelTest.check(scene, layer, images, rows, asked);
            for (int count = 1; count < rows; count += 1 + count / 5) {
              float[] someOfA = Numbers.firstOfEach(a, images, count * 100);
              float[] someOfX = Numbers.firstOfEach(x, images, count * 64);
              assertThat(linearAdd(scene, layer, images, count, someOfA, someOfX))
                  .as("%d rows of %s", count, tile)
                  .isEqualTo(Numbers.firstOfEach(all, images, count * 64));
            }
          });
    }
  }

  private static float[] linearAdd(
      Scene scene, LinearAddKernelTest.Layer layer, int images, int rows, float[] a, float[] x) {
    GpuTokens from = scene.half(images, rows, layer.inputs(), a);
    GpuTokens to = scene.residual(images, rows, layer.outputs(), x);
    scene.run(plan -> scene.kernels().linearAdd(plan, from, Rows.all(from), layer.packed(), to));
    return scene.full(to);
  }
}
