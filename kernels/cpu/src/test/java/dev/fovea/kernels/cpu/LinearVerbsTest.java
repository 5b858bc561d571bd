package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cpu.Reference.Bounded;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code normLinear} and {@code linearAdd} against float64, over all remainders of the tiles. */
class LinearVerbsTest extends VerbTest {

  static IntStream rowCounts() {
    return IntStream.concat(IntStream.rangeClosed(1, 17), IntStream.of(25, 61));
  }

  @ParameterizedTest
  @MethodSource("rowCounts")
  void normLinearIsRightForEveryNumberOfRows(int rows) {
    checkNormLinear(1, rows, new Rows(0, rows), 37, 45, new Columns(0, 45), Activation.GELU);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 5})
  void normLinearIsRightForEveryImageOfABatch(int images) {
    checkNormLinear(images, 7, new Rows(0, 7), 48, 33, new Columns(0, 33), Activation.NONE);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 2", "16, 31", "37, 32", "64, 64", "588, 65", "129, 130"})
  void normLinearIsRightForEveryWidth(int inputs, int outputs) {
    Columns columns = new Columns(0, outputs);
    checkNormLinear(2, 5, new Rows(0, 5), inputs, outputs, columns, Activation.NONE);
    checkNormLinear(2, 5, new Rows(0, 5), inputs, outputs, columns, Activation.SWIGLU);
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void normLinearAppliesTheActivation(Activation activation) {
    checkNormLinear(2, 13, new Rows(0, 13), 96, 72, new Columns(0, 72), activation);
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 0, 64", "3, 4, 64, 64", "10, 1, 64, 100", "2, 9, 5, 1", "0, 11, 31, 90"})
  void normLinearLeavesOtherRowsAndColumnsAlone(int row, int rows, int column, int columns) {
    Columns wanted = new Columns(column, columns);
    checkNormLinear(3, 11, new Rows(row, rows), 40, 164, wanted, Activation.GELU);
    checkNormLinear(3, 11, new Rows(row, rows), 40, 164, wanted, Activation.SWIGLU);
  }

  @Test
  void normLinearIsRightForRowsWhoseMeanIsLarge() {
    int width = 384;
    float[] x = normal(width, 1);
    for (int j = 0; j < width; j++) {
      x[j] += 100;
    }
    checkNormLinear(1, 1, new Rows(0, 1), width, 16, new Columns(0, 16), Activation.NONE, x);
  }

  @Test
  void normLinearOfNoRowsDoesNothing() {
    checkNormLinear(2, 4, new Rows(2, 0), 20, 24, new Columns(0, 24), Activation.NONE);
    checkNormLinear(2, 4, new Rows(0, 4), 20, 24, new Columns(8, 0), Activation.NONE);
  }

  private void checkNormLinear(
      int images,
      int rows,
      Rows wanted,
      int inputs,
      int outputs,
      Columns columns,
      Activation activation) {
    float[] x = normal(images * rows * inputs, 2);
    checkNormLinear(images, rows, wanted, inputs, outputs, columns, activation, x);
  }

  private void checkNormLinear(
      int images,
      int rows,
      Rows wanted,
      int inputs,
      int outputs,
      Columns columns,
      Activation activation,
      float[] elements) {
    int weightRows = activation == Activation.SWIGLU ? 2 * outputs : outputs;
    NormWeights norm = new NormWeights(normal(inputs, 1), normal(inputs, 0.5), 1e-6f);
    NormLinearWeights weights =
        new NormLinearWeights(
            norm,
            normal(weightRows * inputs, 1 / Math.sqrt(inputs)),
            normal(weightRows, 0.5),
            activation);
    run(
        device,
        recorder -> {
          Tokens x = tokens(recorder, images, rows, inputs, elements);
          Tokens y = unwritten(recorder, images, rows, outputs);
          recorder.normLinear(x, wanted, device.pack(weights), columns, y);
          return () -> compareNormLinear(x, wanted, weights, columns, y);
        });
  }

  private static void compareNormLinear(
      Tokens x, Rows rows, NormLinearWeights weights, Columns columns, Tokens y) {
    for (int image = 0; image < x.images(); image++) {
      for (int row = 0; row < x.rows(); row++) {
        float[] got = row(y, image, row);
        Bounded[] a = Reference.norm(row(x, image, row), weights.norm());
        for (int j = 0; j < y.width(); j++) {
          String what = "element [%d, %d, %d]".formatted(image, row, j);
          if (row < rows.first()
              || row >= rows.end()
              || j < columns.first()
              || j >= columns.end()) {
            assertThat(got[j]).as(what).isNaN();
            continue;
          }
          Bounded expected = expected(a, weights, j);
          assertNear(what, got[j], expected.value(), expected.error());
        }
      }
    }
  }

  private static Bounded expected(Bounded[] a, NormLinearWeights weights, int j) {
    Bounded first = Reference.linear(a, weights.weight(), j, weights.bias()[j]);
    if (weights.activation() != Activation.SWIGLU) {
      return Reference.activate(weights.activation(), first);
    }
    int up = weights.outputs() + j;
    return Reference.swiglu(first, Reference.linear(a, weights.weight(), up, weights.bias()[up]));
  }

  @ParameterizedTest
  @MethodSource("rowCounts")
  void linearAddIsRightForEveryNumberOfRows(int rows) {
    checkLinearAdd(device, WeightStorage.F32, 1, rows, new Rows(0, rows), 37, 45);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 2", "16, 31", "37, 32", "384, 33", "385, 129", "588, 65", "1536, 70"})
  void linearAddIsRightForEveryWidth(int inputs, int outputs) {
    checkLinearAdd(device, WeightStorage.F32, 3, 4, new Rows(1, 2), inputs, outputs);
  }

  @ParameterizedTest
  @EnumSource(WeightStorage.class)
  void weightsAreRoundedToTheirStorage(WeightStorage storage) {
    try (Device rounding = open(2, storage)) {
      checkLinearAdd(rounding, storage, 2, 40, new Rows(0, 40), 70, 77);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = WeightStorage.class,
      names = {"F16", "BF16"})
  void sixteenBitsHoldHalfTheBytes(WeightStorage storage) {
    try (Device rounding = open(1, storage)) {
      LinearAddWeights weights =
          new LinearAddWeights(normal(1024 * 64, 1), normal(64, 1), normal(64, 1));
      boolean vector = rounding.description().contains("vector");
      assertThat(rounding.pack(weights).bytes())
          .isEqualTo((vector ? 2L : 4L) * 1024 * 64 + 2 * 4 * 64);
    }
  }

  @Test
  void aWeightThatOverflowsItsStorageIsRefused() {
    try (Device half = open(1, WeightStorage.F16)) {
      float[] weight = {1, 2, 70000, 4};
      LinearAddWeights weights = new LinearAddWeights(weight, new float[2], new float[2]);
      assertThatThrownBy(() -> half.pack(weights))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("70000")
          .hasMessageContaining("row 1, column 0")
          .hasMessageContaining("F32");
    }
  }

  private void checkLinearAdd(
      Device device,
      WeightStorage storage,
      int images,
      int rows,
      Rows wanted,
      int inputs,
      int outputs) {
    float[] weight = normal(outputs * inputs, 1 / Math.sqrt(inputs));
    LinearAddWeights weights =
        new LinearAddWeights(weight, normal(outputs, 1), normal(outputs, 0.3));
    float[] rounded = weight.clone();
    for (int i = 0; i < weight.length && storage != WeightStorage.F32; i++) {
      rounded[i] = HalfPrecision.widen(HalfPrecision.round(weight[i], storage), storage);
    }
    run(
        device,
        recorder -> {
          float[] before = normal(images * rows * outputs, 1);
          Tokens a = tokens(recorder, images, rows, inputs, normal(images * rows * inputs, 1));
          Tokens x = tokens(recorder, images, rows, outputs, before);
          recorder.linearAdd(a, wanted, device.pack(weights), x);
          return () -> compareLinearAdd(a, wanted, weights, rounded, before, x);
        });
  }

  private static void compareLinearAdd(
      Tokens a, Rows rows, LinearAddWeights weights, float[] rounded, float[] before, Tokens x) {
    for (int image = 0; image < x.images(); image++) {
      for (int row = 0; row < x.rows(); row++) {
        Bounded[] inputs = Reference.exact(row(a, image, row));
        float[] got = row(x, image, row);
        for (int j = 0; j < x.width(); j++) {
          int index = (image * x.rows() + row) * x.width() + j;
          String what = "element [%d, %d, %d]".formatted(image, row, j);
          if (row < rows.first() || row >= rows.end()) {
            assertThat(got[j]).as(what).isEqualTo(before[index]);
            continue;
          }
          Bounded sum = Reference.linear(inputs, rounded, j, weights.bias()[j]);
          double added = weights.gamma()[j] * sum.value();
          double error =
              Math.abs(weights.gamma()[j]) * sum.error()
                  + ROUNDING * (2 * Math.abs(added) + Math.abs(before[index]));
          assertNear(what, got[j], before[index] + added, error);
        }
      }
    }
  }
}
