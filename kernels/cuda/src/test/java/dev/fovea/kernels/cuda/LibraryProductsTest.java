package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import java.util.function.BiFunction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Verbs around a library's products, beside those of our own kernels. */
class LibraryProductsTest {

  private static final int IMAGES = 2;
  private static final int ROWS = 21;
  private static final int INPUTS = 136;
  private static final int OUTPUTS = 192;

  @ParameterizedTest
  @CsvSource({
    "F16,  NONE,       false, 0, 21, 0,   192",
    "F16,  NONE,       true,  0, 21, 0,   192",
    "F16,  NONE,       true,  0, 21, 64,  128",
    "F16,  NONE,       true,  3, 5,  0,   192",
    "BF16, NONE,       true,  0, 21, 0,   64",
    "F16,  GELU,       false, 4, 9,  0,   192",
    "F16,  GELU,       true,  0, 21, 0,   192",
    "BF16, QUICK_GELU, true,  0, 21, 128, 64",
    "F16,  SWIGLU,     true,  0, 1,  0,   192",
    "BF16, SWIGLU,     false, 0, 21, 64,  64"
  })
  void normLinearIsThatOfOurKernels(
      Precision precision,
      Activation activation,
      boolean fuses,
      int firstRow,
      int rows,
      int firstColumn,
      int columns) {
    int weightRows = activation == Activation.SWIGLU ? 2 * OUTPUTS : OUTPUTS;
    NormLinearWeights weights =
        new NormLinearWeights(
            new NormWeights(
                Numbers.random(1, INPUTS, 1, 0.2), Numbers.random(2, INPUTS, 0, 0.2), 1e-6f),
            Numbers.random(3, weightRows * INPUTS, 0, 1 / Math.sqrt(INPUTS)),
            Numbers.random(4, weightRows, 0, 0.5),
            activation);
    GpuPacked.NormLinear packed = InterpretedGpu.with(precision).packer().pack(weights);
    Rows asked = new Rows(firstRow, rows);
    Columns wanted = new Columns(firstColumn, columns);
    compare(
        precision,
        fuses,
        (scene, products) -> {
          float[] x = Numbers.random(5, IMAGES * ROWS * INPUTS, 0.3, 1.5);
          GpuTokens from = scene.residual(IMAGES, ROWS, INPUTS, x);
          GpuTokens to = scene.zeros(IMAGES, ROWS, OUTPUTS, Form.HALF);
          scene.run(plan -> products.normLinear(plan, from, asked, packed, wanted, to));
          return scene.halves(to);
        });
  }

  @ParameterizedTest
  @CsvSource({"F16, 0, 21", "F16, 20, 1", "BF16, 0, 21", "BF16, 2, 7"})
  void linearAddIsThatOfOurKernels(Precision precision, int firstRow, int rows) {
    LinearAddWeights weights =
        new LinearAddWeights(
            Numbers.random(1, OUTPUTS * INPUTS, 0, 1 / Math.sqrt(INPUTS)),
            Numbers.random(2, OUTPUTS, 0, 0.5),
            Numbers.random(3, OUTPUTS, 0.5, 0.3));
    GpuPacked.LinearAdd packed = InterpretedGpu.with(precision).packer().pack(weights);
    compare(
        precision,
        false,
        (scene, products) -> {
          float[] a = Numbers.random(4, IMAGES * ROWS * INPUTS, 0.1, 1);
          float[] x = Numbers.random(5, IMAGES * ROWS * OUTPUTS, 0.5, 4);
          GpuTokens from = scene.half(IMAGES, ROWS, INPUTS, a);
          GpuTokens to = scene.residual(IMAGES, ROWS, OUTPUTS, x);
          scene.run(plan -> products.linearAdd(plan, from, new Rows(firstRow, rows), packed, to));
          float[] full = scene.full(to);
          assertThat(scene.halves(to)).isEqualTo(Numbers.rounded(full, precision));
          Statistics.check(scene, to, full);
          return full;
        });
  }

  /**
   * Runs a verb both ways. The operands of a library are rounded after the LayerNorm and ours
   * before it, which counts up to twice, and both results are rounded: together 5 units of
   * rounding.
   */
  private static void compare(
      Precision precision, boolean fuses, BiFunction<Scene, Products, float[]> verb) {
    InterpretedGpu gpu = InterpretedGpu.with(precision);
    float[][] results = new float[2][];
    gpu.run(scene -> results[0] = verb.apply(scene, scene.kernels().products()));
    gpu.run(
        scene -> {
          try (LibraryProducts library = scene.library(fuses)) {
            results[1] = verb.apply(scene, library);
          }
        });
    double unit = precision == Precision.F16 ? 0x1p-11 : 0x1p-8;
    double[] own = new double[results[0].length];
    for (int i = 0; i < own.length; i++) {
      own[i] = results[0][i];
    }
    assertThat(Numbers.error(results[1], own)).isPositive().isLessThanOrEqualTo(5 * unit);
  }
}
