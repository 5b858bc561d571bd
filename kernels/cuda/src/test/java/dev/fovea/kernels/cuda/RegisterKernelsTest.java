package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cpu.CpuDeviceProvider;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Moves and constants beside the CPU's: nothing is rounded, so every bit is the same. */
class RegisterKernelsTest {

  private static final int IMAGES = 3;
  private static final int WIDTH = 70;
  private static final int[] COLUMNS = {65, 0, 13, 14, 69, 2};

  @ParameterizedTest
  @CsvSource({
    "EACH_MAXIMUM,      7,   3",
    "EACH_MAXIMUM,      300, 0",
    "LARGEST_MAGNITUDE, 7,   3",
    "LARGEST_MAGNITUDE, 300, 299",
    "LARGEST_MAGNITUDE, 1,   0"
  })
  void moves(Move move, int rows, int row) {
    float[] numbers = Numbers.random(rows, IMAGES * rows * WIDTH, -0.5, 1);
    // The same magnitude twice: the first in the order of rows counts.
    numbers[WIDTH * (rows - 1) + 13] = 9;
    numbers[WIDTH * (rows / 2) + 14] = -9;
    float[] expected;
    try (Device cpu =
        new CpuDeviceProvider().open(new DeviceOptions("scalar", 1, WeightStorage.F32))) {
      expected = moved(cpu, numbers, rows, row, move);
    }
    try (Device gpu = new CudaDevice(InterpretedDriver::new, Precision.F16, Multiplier.PTX)) {
      assertThat(moved(gpu, numbers, rows, row, move)).isEqualTo(expected);
    }
  }

  /** Writes the numbers image by image, so {@code write} is tested, too. */
  private static float[] moved(Device device, float[] numbers, int rows, int row, Move move) {
    float[] results = new float[numbers.length];
    for (int image = 0; image < IMAGES; image++) {
      float[] elements = new float[rows * WIDTH];
      System.arraycopy(numbers, image * elements.length, elements, 0, elements.length);
      try (Recorder recorder = device.record()) {
        Tokens x = recorder.tokens(2, rows, WIDTH);
        recorder.write(elements, Rows.all(x), Columns.all(x), x);
        recorder.moveToRow(x, COLUMNS, row, move);
        HostBuffer result = recorder.read(x, Rows.all(x), Columns.all(x));
        try (Plan plan = recorder.build()) {
          plan.run();
          float[] both = result.host().toArray(ValueLayout.JAVA_FLOAT);
          float[] first = Arrays.copyOf(both, elements.length);
          assertThat(Arrays.copyOfRange(both, elements.length, both.length)).isEqualTo(first);
          System.arraycopy(first, 0, results, image * elements.length, elements.length);
        }
      }
    }
    return results;
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void changesSixteenBitsInPlace(Precision precision) {
    float[] numbers = Numbers.rounded(Numbers.random(1, 2 * 40 * WIDTH, 0, 1), precision);
    float[] constants = Numbers.rounded(Numbers.random(2, 5 * 8, 0, 1), precision);
    InterpretedGpu.with(precision)
        .run(
            scene -> {
              GpuTokens x = scene.half(2, 40, WIDTH, numbers);
              RegisterKernels kernels = scene.kernels().registers();
              scene.run(
                  plan -> {
                    kernels.moveToRow(plan, x, Form.HALF, COLUMNS, 4, Move.EACH_MAXIMUM);
                    kernels.write(
                        plan, constants, new Rows(30, 5), new Columns(3, 8), x, Form.HALF);
                  });
              float[] got = scene.halves(x);
              for (int column : COLUMNS) {
                for (int image = 0; image < 2; image++) {
                  checkColumn(numbers, got, image, column);
                }
              }
              for (int i = 0; i < constants.length; i++) {
                int place = (30 + i / 8) * WIDTH + 3 + i % 8;
                assertThat(got[place]).isEqualTo(constants[i]);
                assertThat(got[40 * WIDTH + place]).isEqualTo(constants[i]);
              }
            });
  }

  private static void checkColumn(float[] before, float[] got, int image, int column) {
    float largest = Float.NEGATIVE_INFINITY;
    for (int row = 0; row < 40; row++) {
      largest = Math.max(largest, before[(image * 40 + row) * WIDTH + column]);
    }
    for (int row = 0; row < 30; row++) {
      float expected = row == 4 ? largest : 0;
      assertThat(got[(image * 40 + row) * WIDTH + column]).isEqualTo(expected);
    }
  }
}
