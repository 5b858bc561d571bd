package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The kernels that are no products, beside float64. */
class RowKernelsTest {

  /** A few last places of float32, relative to the whole. */
  private static final double FLOAT32 = 8 * Math.pow(2, -24);

  @ParameterizedTest
  @CsvSource({"F16, 1", "BF16, 31", "F16, 64", "BF16, 130", "F16, 384"})
  void normIsRight(Precision precision, int width) {
    NormWeights weights =
        new NormWeights(Numbers.random(1, width, 1, 0.3), Numbers.random(2, width, 0, 0.5), 1e-6f);
    InterpretedGpu gpu = InterpretedGpu.with(precision);
    GpuPacked.Norm packed = gpu.packer().pack(weights);
    float[] x = Numbers.random(3, 2 * 7 * width, 1, 2);
    Rows rows = new Rows(2, 4);
    double[] exact = new double[x.length];
    for (int row = 0; row < 14; row++) {
      double[] normalised = normalised(x, row, width);
      boolean inside = row % 7 >= rows.first() && row % 7 < rows.end();
      for (int j = 0; j < width; j++) {
        exact[row * width + j] =
            inside ? normalised[j] * weights.weight()[j] + weights.bias()[j] : x[row * width + j];
      }
    }
    gpu.run(
        scene -> {
          GpuTokens tokens = scene.residual(2, 7, width, x);
          scene.run(plan -> scene.kernels().norm(plan, tokens, rows, packed, tokens));
          assertThat(Numbers.error(scene.full(tokens), exact)).isLessThan(FLOAT32);
        });
  }

  private static double[] normalised(float[] x, int row, int width) {
    double mean = 0;
    for (int j = 0; j < width; j++) {
      mean += x[row * width + j] / (double) width;
    }
    double variance = 0;
    for (int j = 0; j < width; j++) {
      variance += Math.pow(x[row * width + j] - mean, 2) / width;
    }
    double[] result = new double[width];
    for (int j = 0; j < width; j++) {
      result[j] = (x[row * width + j] - mean) / Math.sqrt(variance + 1e-6);
    }
    return result;
  }

  @ParameterizedTest
  @CsvSource({
    "F16,  CLS,      false",
    "BF16, MEAN,     false",
    "F16,  CLS_MEAN, false",
    "BF16, CLS,      true",
    "F16,  MEAN,     true",
    "BF16, CLS_MEAN, true"
  })
  void poolIsRight(Precision precision, Pooling pooling, boolean normalize) {
    int width = 84;
    int rows = 23;
    int prefix = 3;
    float[] x = Numbers.random(5, 2 * rows * width, 0.2, 1);
    int parts = pooling == Pooling.CLS_MEAN ? 2 : 1;
    double[] exact = new double[2 * parts * width];
    for (int image = 0; image < 2; image++) {
      double squares = 0;
      for (int j = 0; j < parts * width; j++) {
        int column = j % width;
        boolean cls = pooling == Pooling.CLS || (pooling == Pooling.CLS_MEAN && j < width);
        double sum = 0;
        for (int row = prefix; row < rows; row++) {
          sum += x[(image * rows + row) * width + column];
        }
        double value = cls ? x[image * rows * width + column] : sum / (rows - prefix);
        exact[image * parts * width + j] = value;
        squares += value * value;
      }
      for (int j = 0; normalize && j < parts * width; j++) {
        exact[image * parts * width + j] /= Math.sqrt(squares);
      }
    }
    InterpretedGpu.with(precision)
        .run(
            scene -> {
              GpuTokens from = scene.residual(2, rows, width, x);
              GpuTokens to = scene.zeros(2, 1, parts * width, Form.FULL);
              scene.run(plan -> scene.kernels().pool(plan, from, prefix, pooling, normalize, to));
              assertThat(Numbers.error(scene.full(to), exact)).isLessThan(FLOAT32);
            });
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void aZeroEmbeddingStaysZero(Precision precision) {
    InterpretedGpu.with(precision)
        .run(
            scene -> {
              GpuTokens from = scene.zeros(1, 2, 64, Form.RESIDUAL);
              GpuTokens to = scene.zeros(1, 1, 64, Form.FULL);
              scene.run(plan -> scene.kernels().pool(plan, from, 1, Pooling.MEAN, true, to));
              assertThat(scene.full(to)).containsOnly(0);
            });
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void formsAreConvertedAndGathered(Precision precision) {
    int width = 75;
    float[] x = Numbers.random(6, 2 * 5 * width, 1, 3);
    float[] halves = Numbers.rounded(x, precision);
    Rows rows = new Rows(1, 3);
    Columns columns = new Columns(10, 33);
    InterpretedGpu.with(precision)
        .run(
            scene -> {
              GpuTokens tokens = scene.residual(2, 5, width, x);
              assertThat(scene.halves(tokens)).isEqualTo(halves);
              Statistics.check(scene, tokens, x);
              assertThat(gathered(scene, tokens, Form.FULL, rows, columns))
                  .isEqualTo(part(x, width, rows, columns));
              assertThat(gathered(scene, tokens, Form.HALF, rows, columns))
                  .isEqualTo(part(halves, width, rows, columns));
              scene.run(plan -> scene.kernels().widen(plan, tokens));
              assertThat(scene.full(tokens)).isEqualTo(halves);
            });
  }

  private static float[] gathered(
      Scene scene, GpuTokens tokens, Form form, Rows rows, Columns columns) {
    int count = tokens.images() * rows.count() * columns.count();
    long target = scene.memory().allocate((long) count * Float.BYTES);
    scene.run(plan -> scene.kernels().gather(plan, tokens, form, rows, columns, target));
    return scene.floats(target, count);
  }

  private static float[] part(float[] x, int width, Rows rows, Columns columns) {
    float[] part = new float[2 * rows.count() * columns.count()];
    int next = 0;
    for (int image = 0; image < 2; image++) {
      for (int row = rows.first(); row < rows.end(); row++) {
        for (int column = columns.first(); column < columns.end(); column++) {
          part[next++] = x[(image * 5 + row) * width + column];
        }
      }
    }
    return part;
  }
}
