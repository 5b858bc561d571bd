package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** LayerNorm, linear layer and activation in every tile, beside float64 on the same operands. */
class NormLinearKernelTest {

  private static final float EPSILON = 1e-6f;

  static Stream<Arguments> tiles() {
    List<Arguments> cases = new ArrayList<>();
    int[] rows = {1, 37, 70, 131, 200};
    for (Precision precision : Precision.values()) {
      for (int i = 0; i < ProductKernels.NORM_LINEAR.size(); i++) {
        cases.add(Arguments.of(precision, ProductKernels.NORM_LINEAR.get(i), rows[i]));
      }
    }
    return cases.stream();
  }

  /** 8 steps of 64, more than there are stages, the last of them with padding. */
  @ParameterizedTest
  @MethodSource("tiles")
  void everyTileIsRight(Precision precision, Tile tile, int rows) {
    Layer layer = new Layer(500, 136, Activation.NONE, 1);
    float[] x = Numbers.random(2, rows * 500, 0.3, 1.5);
    check(InterpretedGpu.with(precision), precision, tile, layer, 1, rows, x, new Rows(0, rows));
  }

  /** Some rows of three images; more columns than a tile has. */
  @ParameterizedTest
  @EnumSource(Activation.class)
  void activationsAreRight(Activation activation) {
    Layer layer = Layer.ofOutputs(64, 160, activation, 3);
    float[] x = Numbers.random(4, 3 * 40 * 64, -0.2, 3);
    Rows some = new Rows(5, 33);
    for (Precision precision : Precision.values()) {
      for (Tile tile : ProductKernels.NORM_LINEAR) {
        check(InterpretedGpu.with(precision), precision, tile, layer, 3, 40, x, some);
      }
    }
  }

  /**
   * Means far from zero, tiny and huge rows: those that 16 bits would lose. In 8 steps, so that
   * stages are normalised that had been used before.
   */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void badlyConditionedRowsAreRight(Precision precision) {
    int width = 500;
    int rows = 40;
    float[] x = badlyConditioned(rows, width);
    Layer layer = new Layer(width, 64, Activation.NONE, 5);
    Rows all = new Rows(0, rows);
    for (Tile tile : ProductKernels.NORM_LINEAR) {
      check(InterpretedGpu.with(precision), precision, tile, layer, 1, rows, x, all);
    }
  }

  /** [rows, width], the first kind of row a good one. */
  static float[] badlyConditioned(int rows, int width) {
    double[][] meansAndDeviations = {
      {0, 1}, {100, 1}, {-5, 1}, {1.5, 1}, {0, 1e-5}, {1e-3, 1e-5}, {0, 2e5}, {1e5, 1e4}, {1.8, 1}
    };
    float[] x = new float[rows * width];
    for (int row = 0; row < rows; row++) {
      double[] moments = meansAndDeviations[row % meansAndDeviations.length];
      System.arraycopy(
          Numbers.random(row, width, moments[0], moments[1]), 0, x, row * width, width);
    }
    return x;
  }

  @Test
  void bitsDependNeitherOnTilesNorOnNeighbours() {
    Layer layer = new Layer(192, 320, Activation.GELU, 6);
    float[] x = Numbers.random(7, 3 * 50 * 192, 0.5, 1);
    for (int i = 0; i < 192; i++) {
      x[(50 + 20) * 192 + i] += 50;
    }
    InterpretedGpu gpu = InterpretedGpu.with(Precision.F16);
    GpuPacked.NormLinear weights = gpu.packer().pack(layer.weights());
    List<float[]> results = new ArrayList<>();
    for (Tile tile : ProductKernels.NORM_LINEAR) {
      gpu.run(
          tile,
          scene -> {
            GpuTokens from = scene.residual(3, 50, 192, x);
            GpuTokens to = scene.zeros(3, 50, 320, Form.HALF);
            Columns columns = new Columns(0, 320);
            scene.run(
                plan ->
                    scene.kernels().normLinear(plan, from, new Rows(0, 50), weights, columns, to));
            results.add(scene.halves(to));
          });
    }
    assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.get(0)));
    gpu.run(
        scene -> {
          float[] second = new float[50 * 192];
          System.arraycopy(x, 50 * 192, second, 0, second.length);
          GpuTokens from = scene.residual(1, 50, 192, second);
          GpuTokens to = scene.zeros(1, 50, 320, Form.HALF);
          Columns columns = new Columns(128, 64);
          scene.run(
              plan ->
                  scene.kernels().normLinear(plan, from, new Rows(19, 3), weights, columns, to));
          float[] got = scene.halves(to);
          for (int row = 0; row < 50; row++) {
            for (int column = 0; column < 320; column++) {
              boolean written = row >= 19 && row < 22 && column >= 128 && column < 192;
              float expected = written ? results.get(0)[(50 + row) * 320 + column] : 0;
              assertThat(got[row * 320 + column]).isEqualTo(expected);
            }
          }
        });
  }

  /** A tile's last rows, however many there are: the same bits as among more, which are right. */
  @ParameterizedTest
  @CsvSource({"F16, 1", "BF16, 3"})
  void anyNumberOfRowsGivesTheSameBits(Precision precision, int images) {
    int rows = 300 / images;
    Layer layer = new Layer(100, 64, Activation.QUICK_GELU, 8);
    float[] x = Numbers.random(9, 300 * 100, 0, 1);
    InterpretedGpu gpu = InterpretedGpu.with(precision);
    GpuPacked.NormLinear weights = gpu.packer().pack(layer.weights());
    Columns columns = new Columns(0, 64);
    for (Tile tile : ProductKernels.NORM_LINEAR) {
      float[] all = check(gpu, precision, tile, layer, images, rows, x, new Rows(0, rows));
      gpu.run(
          tile,
          scene -> {
            GpuTokens from = scene.residual(images, rows, 100, x);
            for (int count = 1; count < rows; count += 1 + count / 5) {
              Rows asked = new Rows(0, count);
              GpuTokens to = scene.zeros(images, rows, 64, Form.HALF);
              scene.run(
                  plan -> scene.kernels().normLinear(plan, from, asked, weights, columns, to));
              float[] none = new float[all.length];
              assertThat(scene.halves(to))
                  .as("%d rows", count)
                  .isEqualTo(Numbers.firstOfEachOver(all, none, images, count * 64));
            }
          });
    }
  }

  /** Runs the kernel, compares the rows it was asked for, and returns all. */
  static float[] check(
      InterpretedGpu gpu,
      Precision precision,
      Tile tile,
      Layer layer,
      int images,
      int rows,
      float[] x,
      Rows asked) {
    GpuPacked.NormLinear weights = gpu.packer().pack(layer.weights());
    int outputs = layer.weights().outputs();
    float[][] result = new float[1][];
    gpu.run(
        tile,
        scene -> {
          GpuTokens from = scene.residual(images, rows, layer.width(), x);
          GpuTokens to = scene.zeros(images, rows, outputs, Form.HALF);
          Columns columns = new Columns(0, outputs);
          scene.run(plan -> scene.kernels().normLinear(plan, from, asked, weights, columns, to));
          result[0] = scene.halves(to);
        });
    float[] got = result[0];
    float[] compared = new float[images * asked.count() * outputs];
    double[] exact = new double[compared.length];
    int next = 0;
    for (int row = 0; row < images * rows; row++) {
      boolean inside = row % rows >= asked.first() && row % rows < asked.end();
      double[] expected = inside ? layer.apply(x, row, precision) : new double[outputs];
      for (int column = 0; column < outputs; column++) {
        float element = got[row * outputs + column];
        if (inside) {
          compared[next] = element;
          exact[next++] = expected[column];
        } else {
          assertThat(element).as("a row that nobody asked for").isZero();
        }
      }
    }
    Numbers.assertNearlyBest(compared, Numbers.rounded(exact, precision), exact);
    return got;
  }

  /** Weights, and what they do to a row of x in float64. */
  record Layer(int width, NormLinearWeights weights) {

    Layer(int width, int rows, Activation activation, long seed) {
      this(
          width,
          new NormLinearWeights(
              new NormWeights(
                  Numbers.random(seed, width, 1, 0.2),
                  Numbers.random(seed + 100, width, 0, 0.2),
                  EPSILON),
              Numbers.random(seed + 200, rows * width, 0, 1 / Math.sqrt(width)),
              Numbers.random(seed + 300, rows, 0, 0.5),
              activation));
    }

    /** With twice as many rows where half of them are gates. */
    static Layer ofOutputs(int width, int outputs, Activation activation, long seed) {
      int rows = activation == Activation.SWIGLU ? 2 * outputs : outputs;
      return new Layer(width, rows, activation, seed);
    }

    double[] apply(float[] x, int row, Precision precision) {
      double[] normalised = normalised(x, row, precision);
      double[] linear = new double[weights.bias().length];
      for (int j = 0; j < linear.length; j++) {
        double sum = weights.bias()[j];
        for (int k = 0; k < width; k++) {
          float weight = weights.weight()[j * width + k];
          sum += normalised[k] * Numbers.rounded(weight * weights.norm().weight()[k], precision);
          sum += (double) weight * weights.norm().bias()[k];
        }
        linear[j] = sum;
      }
      double[] result = new double[weights.outputs()];
      for (int j = 0; j < result.length; j++) {
        result[j] =
            switch (weights.activation()) {
              case NONE -> linear[j];
              case GELU -> gelu(linear[j]);
              case QUICK_GELU -> linear[j] / (1 + Math.exp(-1.702 * linear[j]));
              case SWIGLU -> linear[j] / (1 + Math.exp(-linear[j])) * linear[result.length + j];
            };
      }
      return result;
    }

    /** With the operand rounded where the kernel rounds it: before the LayerNorm or behind it. */
    private double[] normalised(float[] x, int row, Precision precision) {
      double mean = 0;
      for (int k = 0; k < width; k++) {
        mean += x[row * width + k] / (double) width;
      }
      double variance = 0;
      double squares = 0;
      for (int k = 0; k < width; k++) {
        double value = x[row * width + k];
        variance += (value - mean) * (value - mean) / width;
        squares += value * value;
      }
      double scale = 1 / Math.sqrt(variance + weights.norm().epsilon());
      boolean large = precision == Precision.F16 && Math.sqrt(squares) > 65504;
      boolean small = precision == Precision.F16 && variance < Math.pow(2, -24);
      boolean behind = mean * mean > 3 * variance || large || small;
      double[] result = new double[width];
      for (int k = 0; k < width; k++) {
        float value = x[row * width + k];
        result[k] =
            behind
                ? Numbers.rounded((value - mean) * scale, precision)
                : (Numbers.rounded(value, precision) - mean) * scale;
      }
      return result;
    }

    /** By integration of the normal density from 0 on, Simpson's rule: error below 1e-12. */
    private static double gelu(double x) {
      double end = Math.min(Math.abs(x), 10);
      int pieces = 400;
      double step = end / pieces;
      double sum = 0;
      for (int i = 0; i <= pieces; i++) {
        double weight = i == 0 || i == pieces ? 1 : i % 2 == 1 ? 4 : 2;
        sum += weight * Math.exp(-0.5 * (i * step) * (i * step));
      }
      double area = sum * step / 3 / Math.sqrt(2 * Math.PI);
      return x * (0.5 + Math.copySign(area, x));
    }
  }
}
