package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.DeviceProvider;
import java.util.Collections;
import java.util.List;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;

/** Which device a model is opened on, and how many images share its plans. */
class PlacementTest extends PlacedModel {

  @Test
  void autoPrefersWhatIsNotTheCpu() {
    TestDevices devices = new TestDevices();
    try (Fovea model = open(AUTO, devices.andCpu())) {
      assertThat(model.device()).isEqualTo("a device for tests");
      assertThat(model.embed(image(0))).containsExactly(EXPECTED.getFirst());
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING)).isEmpty();
  }

  @Test
  void autoIsTheCpuWhereThereIsNothingElseAndSaysWhatToAdd() {
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", AUTO)) {
      assertOnTheCpu(model);
    }
    assertThat(messages(Level.INFO))
        .singleElement()
        .asString()
        .contains("CPU", "dev.fovea:fovea-kernels-cuda");
    assertThat(messages(Level.WARNING)).isEmpty();
  }

  @Test
  void aDeviceThatCannotBeOpenedIsWarnedOfOnceAndPassedOver() {
    IllegalStateException refusal = new IllegalStateException("no driver: add one");
    List<DeviceProvider> devices = new TestDevices().refuseToOpen(refusal).andCpu();
    try (Fovea model = open(AUTO, devices)) {
      assertOnTheCpu(model);
    }
    assertThat(messages(Level.WARNING)).containsExactly("Not using test: no driver: add one");
    assertThatThrownBy(() -> open(TEST, devices))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no driver: add one");
  }

  @Test
  void aDeviceWhoseLibraryDoesNotLoadIsPassedOver() {
    UnsatisfiedLinkError refusal = new UnsatisfiedLinkError();
    try (Fovea model = open(AUTO, new TestDevices().refuseToOpen(refusal).andCpu())) {
      assertOnTheCpu(model);
    }
    assertThat(messages(Level.WARNING))
        .containsExactly("Not using test: java.lang.UnsatisfiedLinkError");
  }

  @Test
  void aDeviceThatCannotHoldTheWeightsIsPassedOver() {
    TestDevices devices = new TestDevices().refuseWeights("1e6 is more than it can hold");
    try (Fovea model = open(AUTO, devices.andCpu())) {
      assertOnTheCpu(model);
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING))
        .containsExactly("Not using test: patch_embed.proj: 1e6 is more than it can hold");
  }

  @Test
  void aDeviceWithTooLittleMemoryIsWarnedOfOnceAndPassedOver() {
    TestDevices devices = new TestDevices().withRoomFor(5);
    try (Fovea model = open(AUTO, devices.andCpu())) {
      assertOnTheCpu(model);
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING))
        .containsExactly("Not using test: the device has no room for these weights");
    devices.withRoomFor(5);
    assertThatThrownBy(() -> open(TEST, devices.andCpu()))
        .isInstanceOf(OutOfMemoryError.class)
        .hasMessageContaining("no room for these weights");
    assertThat(devices.open()).isZero();
  }

  @Test
  void aDeviceWithoutKernelsForTheHeadsIsWarnedOfOnceAndPassedOver() {
    TestDevices devices = new TestDevices().refuseHeads("only heads of 7 channels");
    try (Fovea model = open(AUTO, devices.andCpu())) {
      assertOnTheCpu(model);
    }
    assertThat(messages(Level.WARNING)).containsExactly("Not using test: only heads of 7 channels");
    assertThatThrownBy(() -> open(TEST, devices.andCpu()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("only heads of 7 channels");
    assertThat(devices.open()).isZero();
  }

  @Test
  void devicesThatAreNotThereAreNamedWithWhatToAdd() {
    assertThatThrownBy(() -> open(AUTO.withDevice("cuda"), new TestDevices().andCpu()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "no device 'cuda': there is cpu, test, and auto for the best of them; for NVIDIA GPUs"
                + " add dev.fovea:fovea-kernels-cuda");
  }

  @Test
  void autoTakesTheDeviceThatKnowsTheKernels() {
    List<DeviceProvider> devices = new TestDevices().andCpu();
    try (Fovea fast = open(AUTO.withKernels("fast"), devices)) {
      assertThat(fast.device()).isEqualTo("a device for tests");
    }
    try (Fovea scalar = open(AUTO.withKernels("scalar"), devices)) {
      assertThat(scalar.device()).contains("scalar");
    }
    assertThat(messages(Level.WARNING)).isEmpty();
    assertThat(messages(Level.INFO))
        .containsExactly("Not using test: kernels must be auto or fast, got scalar");
    assertThatThrownBy(() -> open(AUTO.withKernels("slow"), devices))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("auto, scalar or vector, got 'slow'");
  }

  /** 28 pixels a side are 4 patches, with CLS and registers 9 tokens. */
  @Test
  void imagesShareAPlanAsTheDeviceWantsButNoMoreThan64() {
    List<Image> images = Collections.nCopies(100, image(0));
    assertThat(batches(9 * 20, images)).containsExactly(20);
    assertThat(batches(1, images)).containsExactly(1);
    assertThat(batches(1 << 20, images)).containsExactly(64, 36);
  }

  private static List<Integer> batches(int tokens, List<Image> images) {
    TestDevices devices = new TestDevices().withBatchTokens(tokens);
    try (Fovea model = open(TEST, devices.andCpu())) {
      assertThat(model.embedAll(images)).allMatch(one -> one[0] == EXPECTED.getFirst()[0]);
    }
    return devices.batches();
  }
}
