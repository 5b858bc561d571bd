package dev.fovea.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;

/**
 * A test of the verbs, run once for every set of kernels: the build sets {@code fovea.kernels} and
 * {@code fovea.kernels.bits}.
 */
@Tag("every-kernel")
abstract class VerbTest {

  /** Half a unit in the last place of 1: the largest relative error of one rounding. */
  static final double ROUNDING = 0x1p-24;

  final Random random = new Random(7);
  Device device;

  @BeforeEach
  void openDevice() {
    JavaMachine machine = JavaMachine.current();
    if (machine.requestedBits() != null) {
      Assumptions.assumeTrue(
          Integer.parseInt(machine.requestedBits()) <= machine.preferredBits(),
          "this machine has no vectors of so many bits");
    }
    device = open(2, WeightStorage.F32);
    assertThat(device.description())
        .as("the kernels that the build asked for")
        .contains(System.getProperty("fovea.kernels", "") + " kernels")
        .contains(machine.requestedBits() == null ? "" : machine.requestedBits() + " bits");
  }

  @AfterEach
  void closeDevice() {
    if (device != null) {
      device.close();
    }
  }

  static Device open(int threads, WeightStorage storage) {
    return new CpuDeviceProvider().open(new DeviceOptions("auto", threads, storage));
  }

  /** Records a plan with a device, runs it once, and checks what the recording says. */
  static void run(Device device, Function<Recorder, Runnable> recording) {
    Recorder recorder = device.record();
    Runnable check = recording.apply(recorder);
    try (Plan plan = recorder.build()) {
      plan.run();
    }
    check.run();
  }

  /** Standard normal numbers times {@code scale}. */
  float[] normal(int count, double scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return values;
  }

  /** A matrix of these elements. */
  static Tokens tokens(Recorder recorder, int images, int rows, int width, float[] elements) {
    Tokens tokens = recorder.tokens(images, rows, width);
    Arrays.fill(data(tokens), Float.NaN); // What a tile has beyond the matrix must not matter.
    for (int i = 0; i < images * rows; i++) {
      ((CpuTokens) tokens).write(elements, i * width, width, i / rows, i % rows, 0);
    }
    return tokens;
  }

  /** A matrix of NaN, so that what a verb leaves alone can be told from what it writes. */
  static Tokens unwritten(Recorder recorder, int images, int rows, int width) {
    Tokens tokens = recorder.tokens(images, rows, width);
    Arrays.fill(data(tokens), Float.NaN);
    return tokens;
  }

  private static float[] data(Tokens tokens) {
    return ((CpuTokens) tokens).data();
  }

  static float[] row(Tokens tokens, int image, int row) {
    float[] elements = new float[tokens.width()];
    ((CpuTokens) tokens).read(image, row, 0, elements.length, elements, 0);
    return elements;
  }

  static void assertNear(String what, float got, double expected, double tolerance) {
    if (!(Math.abs(got - expected) <= tolerance)) {
      throw new AssertionError(
          "%s is %s, expected %s within %s".formatted(what, got, expected, tolerance));
    }
  }
}
