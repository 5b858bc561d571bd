package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Linear layer, LayerScale and residual in every tile, beside float64 on the same operands. */
class LinearAddKernelTest {

  static Stream<Arguments> tiles() {
    List<Arguments> cases = new ArrayList<>();
    int[] rows = {33, 1, 65, 100, 130};
    for (Precision precision : Precision.values()) {
      for (int i = 0; i < ProductKernels.LINEAR_ADD.size(); i++) {
        cases.add(Arguments.of(precision, ProductKernels.LINEAR_ADD.get(i), rows[i]));
      }
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("tiles")
  void everyTileIsRight(Precision precision, Tile tile, int rows) {
    Layer layer = new Layer(precision, 100, 136, 1);
    InterpretedGpu.with(precision)
        .run(tile, scene -> check(scene, layer, 1, rows, new Rows(0, rows)));
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void rowsOfABatchAreRight(Precision precision) {
    Layer layer = new Layer(precision, 192, 160, 2);
    for (Tile tile : ProductKernels.LINEAR_ADD) {
      InterpretedGpu.with(precision)
          .run(tile, scene -> check(scene, layer, 3, 21, new Rows(4, 16)));
    }
  }

  /** 1728 columns are 3 chains of 576; they are added by one block or left in memory by three. */
  @Test
  void bitsDependNeitherOnTilesNorOnWhoAddsTheChains() {
    Layer layer = new Layer(Precision.F16, 1728, 96, 3);
    List<float[]> results = new ArrayList<>();
    for (Tile tile : ProductKernels.LINEAR_ADD) {
      InterpretedGpu.with(Precision.F16)
          .run(tile, scene -> results.add(check(scene, layer, 2, 35, new Rows(0, 35))));
    }
    assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.get(0)));
    InterpretedGpu.with(Precision.F16)
        .run(
            scene -> {
              float[] got = check(scene, layer, 2, 35, new Rows(30, 2));
              for (int image = 0; image < 2; image++) {
                int from = (image * 35 + 30) * 96;
                assertThat(slice(got, from, 2 * 96))
                    .as("two rows alone")
                    .isEqualTo(slice(results.get(0), from, 2 * 96));
              }
            });
  }

  /** The order in which blocks arrive decides on nothing, not even on the next launch. */
  @Test
  void bitsDoNotDependOnTheOrderOfBlocks() {
    Layer layer = new Layer(Precision.F16, 1600, 130, 4);
    Tile split = ProductKernels.LINEAR_ADD.get(0);
    assertThat(split.split()).isTrue();
    List<float[]> results = new ArrayList<>();
    for (long seed = 1; seed <= 4; seed++) {
      InterpretedGpu.with(Precision.F16).shuffle(seed);
      InterpretedGpu.with(Precision.F16)
          .run(
              split,
              scene -> {
                results.add(check(scene, layer, 1, 40, new Rows(0, 40)));
                results.add(check(scene, layer, 1, 40, new Rows(0, 40)));
              });
    }
    assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.get(0)));
  }

  /** A tile's last rows, however many there are: the same bits as among more, which are right. */
  @ParameterizedTest
  @CsvSource({"F16, 3", "BF16, 1"})
  void anyNumberOfRowsGivesTheSameBits(Precision precision, int images) {
    int rows = 300 / images;
    Layer layer = new Layer(precision, 100, 64, 5);
    float[] x = layer.x(300);
    for (Tile tile : ProductKernels.LINEAR_ADD) {
      InterpretedGpu.with(precision)
          .run(
              tile,
              scene -> {
                float[] all = check(scene, layer, images, rows, new Rows(0, rows));
                GpuTokens from = scene.half(images, rows, 100, layer.a(300));
                GpuTokens to = scene.residual(images, rows, 64, x);
                for (int count = 1; count < rows; count += 1 + count / 5) {
                  scene.fill(to, x);
                  Rows asked = new Rows(0, count);
                  scene.run(
                      plan -> scene.kernels().linearAdd(plan, from, asked, layer.packed(), to));
                  assertThat(scene.full(to))
                      .as("%d rows", count)
                      .isEqualTo(Numbers.firstOfEachOver(all, x, images, count * 64));
                }
              });
    }
  }

  private static float[] slice(float[] numbers, int from, int count) {
    float[] slice = new float[count];
    System.arraycopy(numbers, from, slice, 0, count);
    return slice;
  }

  /** Runs the kernel, checks all three forms of the result, and returns the first. */
  static float[] check(Scene scene, Layer layer, int images, int rows, Rows asked) {
    int width = layer.outputs();
    float[] a = layer.a(images * rows);
    float[] x = layer.x(images * rows);
    GpuTokens from = scene.half(images, rows, layer.inputs(), a);
    GpuTokens to = scene.residual(images, rows, width, x);
    scene.run(plan -> scene.kernels().linearAdd(plan, from, asked, layer.packed(), to));
    float[] full = scene.full(to);
    double difference = 0;
    double allowed = 0;
    for (int row = 0; row < images * rows; row++) {
      boolean inside = row % rows >= asked.first() && row % rows < asked.end();
      double[] increments = layer.apply(a, row);
      for (int j = 0; j < width; j++) {
        double before = x[row * width + j];
        double error = full[row * width + j] - before - (inside ? increments[j] : 0);
        difference += error * error;
        allowed += rounding(before, increments[j], layer.inputs());
      }
    }
    assertThat(Math.sqrt(difference)).isLessThanOrEqualTo(Math.sqrt(allowed));
    assertThat(scene.halves(to)).isEqualTo(Numbers.rounded(full, layer.precision()));
    Statistics.check(scene, to, full);
    return full;
  }

  /**
   * The square of an error to be expected of float32: of adding the increment to x, and of summing
   * it, where every step along K can lose a last place.
   */
  private static double rounding(double before, double increment, int inputs) {
    double place = Math.pow(2, -23);
    return square(place * (before + increment)) + square(place) * inputs * square(increment);
  }

  private static double square(double x) {
    return x * x;
  }

  /** Weights, and what they do to a row of a in float64. */
  record Layer(Precision precision, LinearAddWeights weights, GpuPacked.LinearAdd packed) {

    Layer(Precision precision, int inputs, int outputs, long seed) {
      this(InterpretedGpu.with(precision), precision, inputs, outputs, seed);
    }

    Layer(InterpretedGpu gpu, Precision precision, int inputs, int outputs, long seed) {
      this(
          gpu,
          precision,
          new LinearAddWeights(
              Numbers.random(seed, inputs * outputs, 0, 1 / Math.sqrt(inputs)),
              Numbers.random(seed + 100, outputs, 0, 0.5),
              Numbers.random(seed + 200, outputs, 0.5, 0.3)));
    }

    private Layer(InterpretedGpu gpu, Precision precision, LinearAddWeights weights) {
      this(precision, weights, gpu.packer().pack(weights));
    }

    int inputs() {
      return weights.inputs();
    }

    int outputs() {
      return weights.outputs();
    }

    /** So many rows to multiply. */
    float[] a(int rows) {
      return Numbers.random(11, rows * inputs(), 0.1, 1);
    }

    /** So many rows to add to. */
    float[] x(int rows) {
      return Numbers.random(12, rows * outputs(), 0.5, 4);
    }

    double[] apply(float[] a, int row) {
      float[] rounded = Numbers.rounded(slice(a, row * inputs(), inputs()), precision);
      double[] increments = new double[outputs()];
      for (int j = 0; j < increments.length; j++) {
        double sum = weights.bias()[j];
        for (int k = 0; k < inputs(); k++) {
          sum +=
              (double) rounded[k] * Numbers.rounded(weights.weight()[j * inputs() + k], precision);
        }
        increments[j] = weights.gamma()[j] * sum;
      }
      return increments;
    }
  }
}
