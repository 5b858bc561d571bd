package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.DeviceLostException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens to a model whose device fails, or has no room, while it is in use. */
class ReplacementTest extends PlacedModel {

  @TempDir private Path folder;

  @Test
  void aLostDeviceIsReplacedByTheCpuAndTheRequestIsRunAgain() {
    TestDevices devices = new TestDevices().lostAfter(2);
    try (Fovea model = open(AUTO, devices.andCpu())) {
      model.embed(image(0));
      model.embed(image(1));
      assertThat(model.device()).isEqualTo("a device for tests");
      assertThat(model.embed(image(2))).containsExactly(EXPECTED.get(2));
      assertOnTheCpu(model);
      assertThat(devices.open()).isZero();
    }
    assertThat(messages(Level.WARNING))
        .containsExactly("Going on with the CPU: the test device has met a fault in a kernel");
  }

  @Test
  void aBatchOnALostDeviceIsRunAgain() {
    List<Image> images = List.of(image(0), image(1), image(2), image(3));
    TestDevices devices = new TestDevices().lostAfter(0);
    try (Fovea model = open(AUTO, devices.andCpu())) {
      List<float[]> embeddings = model.embedAll(images);
      for (int i = 0; i < images.size(); i++) {
        assertThat(embeddings.get(i)).containsExactly(EXPECTED.get(i));
      }
      assertOnTheCpu(model);
    }
    assertThat(devices.open()).isZero();
  }

  @Test
  void aWarmUpOutlivesItsDevice() {
    try (Fovea model = open(AUTO, new TestDevices().lostAfter(1).andCpu())) {
      model.warmUp();
      assertOnTheCpu(model);
    }
  }

  @Test
  void manyRequestsInFlightAreAllAnsweredAndTheDeviceIsReplacedOnce() throws Exception {
    TestDevices devices = new TestDevices().lostAfter(50);
    try (Fovea model = open(AUTO, devices.andCpu());
        ExecutorService executor = Executors.newFixedThreadPool(8)) {
      List<Future<float[]>> answers = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        Image image = image(i % EXPECTED.size());
        answers.add(executor.submit(() -> model.embed(image)));
      }
      for (int i = 0; i < answers.size(); i++) {
        assertThat(answers.get(i).get()).containsExactly(EXPECTED.get(i % EXPECTED.size()));
      }
      assertThat(model.device()).startsWith("CPU");
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING)).hasSize(1);
  }

  @Test
  void aDeviceThatWasAskedForByNameIsNotReplaced() {
    TestDevices devices = new TestDevices().lostAfter(1);
    try (Fovea model = open(TEST, devices.andCpu())) {
      model.embed(image(0));
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> model.embed(image(1)))
            .isInstanceOf(DeviceLostException.class)
            .hasMessage("the test device has met a fault in a kernel");
      }
      assertThat(model.device()).isEqualTo("a device for tests");
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING)).isEmpty();
  }

  @Test
  void kernelsOfTheLostDeviceKeepTheModelFromTheCpu() {
    Options fast = AUTO.withKernels("fast");
    try (Fovea model = open(fast, new TestDevices().lostAfter(0).andCpu())) {
      assertThatThrownBy(() -> model.embed(image(0)))
          .isInstanceOf(DeviceLostException.class)
          .hasMessageContaining("the CPU cannot take over")
          .hasMessageContaining("got 'fast'");
    }
  }

  @Test
  void aLostDeviceIsReplacedAsSoonAsTheCheckpointCanBeReadAgain() throws IOException {
    Path file = write("synthetic:tiny-reg4");
    Path away = folder.resolve("away");
    Supplier<VitWeights> source = () -> VitWeights.open(file);
    TestDevices devices = new TestDevices().lostAfter(0);
    try (Fovea model = Fovea.open(source, AUTO, devices.andCpu())) {
      Files.move(file, away);
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> model.embed(image(0)))
            .isInstanceOf(DeviceLostException.class)
            .hasMessageContaining("has met a fault in a kernel; the CPU cannot take over")
            .hasMessageContaining(file.toString())
            .hasCauseInstanceOf(DeviceLostException.class);
      }
      assertThat(messages(Level.WARNING)).isEmpty();
      Files.move(away, file);
      assertThat(model.embed(image(0))).containsExactly(EXPECTED.getFirst());
      assertOnTheCpu(model);
    }
    assertThat(devices.open()).isZero();
  }

  @Test
  void anotherModelInTheSameFileDoesNotTakeOver() throws IOException {
    Path file = write("synthetic:tiny-reg4");
    Supplier<VitWeights> source = () -> VitWeights.open(file);
    try (Fovea model = Fovea.open(source, AUTO, new TestDevices().lostAfter(0).andCpu())) {
      Files.delete(file);
      write("synthetic:tiny");
      assertThatThrownBy(() -> model.embed(image(0)))
          .isInstanceOf(DeviceLostException.class)
          .hasMessageContaining("another model by now");
    }
  }

  private Path write(String model) {
    Path file = folder.resolve("model.safetensors");
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    try (SyntheticCheckpoint checkpoint = new SyntheticCheckpoint(model)) {
      for (TensorInfo tensor : checkpoint.tensors().values()) {
        float[] values = new float[Math.toIntExact(tensor.elements())];
        checkpoint.read(tensor.name(), 0, values, 0, values.length);
        tensors.put(tensor, values);
      }
    }
    SafetensorsWriter.write(file, tensors);
    return file;
  }

  @Test
  void aRecordingThatFailsIsClosedAndMadeRoomFor() {
    TestDevices devices = new TestDevices().shortOfMemoryAfter(1);
    try (Fovea model = open(TEST, devices.andCpu())) {
      model.embed(image(0));
      assertThat(model.features(image(1), FeatureRequest.of(Feature.CLS)).get(Feature.CLS))
          .containsExactly(EXPECTED.get(1));
      assertThat(devices.open()).as("the device and one plan").isEqualTo(2);
    }
    assertThat(devices.open()).isZero();
  }

  @Test
  void aDeviceThatHoldsTheWeightsAndNoPlanIsReplacedByTheCpu() {
    TestDevices devices = new TestDevices().withoutRoomForPlans();
    try (Fovea model = open(AUTO, devices.andCpu())) {
      assertThat(model.embed(image(2))).containsExactly(EXPECTED.get(2));
      assertOnTheCpu(model);
      assertThat(devices.open()).isZero();
    }
    assertThat(messages(Level.WARNING))
        .containsExactly("Going on with the CPU: the device has no room for this plan");
  }

  /** The plan that is there gives way, which does not help, and neither do smaller batches. */
  @Test
  void aBatchThatHasNoRoomGoesToTheCpuAndSoDoesWhateverFollows() {
    TestDevices devices = new TestDevices();
    try (Fovea model = open(AUTO, devices.andCpu())) {
      model.embed(image(0));
      devices.withoutRoomForPlans();
      List<float[]> embeddings = model.embedAll(List.of(image(1), image(3)));
      assertThat(embeddings.get(0)).containsExactly(EXPECTED.get(1));
      assertThat(embeddings.get(1)).containsExactly(EXPECTED.get(3));
      assertOnTheCpu(model);
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING)).hasSize(1);
  }

  /** Sixty-four images, then halves until there is room; what follows is no larger than these. */
  @Test
  void aBatchThatHasNoRoomIsRunInSmallerOnes() {
    TestDevices devices = new TestDevices().withBatchTokens(1 << 20).withRoomForImages(20);
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      images.add(image(i % EXPECTED.size()));
    }
    try (Fovea model = open(AUTO, devices.andCpu())) {
      for (int run = 0; run < 2; run++) {
        List<float[]> embeddings = model.embedAll(images);
        assertThat(embeddings).hasSize(images.size());
        for (int i = 0; i < images.size(); i++) {
          assertThat(embeddings.get(i)).containsExactly(EXPECTED.get(i % EXPECTED.size()));
        }
      }
      assertThat(devices.batches()).containsExactly(64, 32, 16, 4);
      assertThat(model.device()).isEqualTo("a device for tests");
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING)).isEmpty();
  }

  @Test
  void aDeviceWithoutRoomThatWasAskedForByNameSaysSoAndIsKept() {
    TestDevices devices = new TestDevices().withoutRoomForPlans();
    try (Fovea model = open(TEST, devices.andCpu())) {
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> model.embed(image(1)))
            .isInstanceOf(OutOfMemoryError.class)
            .hasMessage("the device has no room for this plan");
      }
      assertThat(model.device()).isEqualTo("a device for tests");
    }
    assertThat(devices.open()).isZero();
    assertThat(messages(Level.WARNING)).isEmpty();
  }

  @Test
  void whatKeepsTheCpuFromTakingOverIsSaidBesideTheWantOfMemory() {
    TestDevices devices = new TestDevices().withoutRoomForPlans();
    try (Fovea model = open(AUTO.withKernels("fast"), devices.andCpu())) {
      assertThatThrownBy(() -> model.embed(image(0)))
          .isInstanceOf(OutOfMemoryError.class)
          .hasMessageContaining("no room for this plan; the CPU cannot take over, because")
          .hasMessageContaining("got 'fast'");
      assertThat(model.device()).isEqualTo("a device for tests");
    }
    assertThat(devices.open()).isZero();
  }
}
