package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.DeviceProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which device a model runs on, and what happens when it fails. */
class PlacementTest {

  private static final Options AUTO = Options.DEFAULT.withDevice("auto").withThreads(2);
  private static final Options TEST = AUTO.withDevice("test");
  private static final Logger LOGGER = Logger.getLogger("dev.fovea");

  /** Embeddings of {@link #image} on the CPU. */
  private static final List<float[]> EXPECTED = new ArrayList<>();

  private final List<LogRecord> log = Collections.synchronizedList(new ArrayList<>());
  private final Handler listener =
      new Handler() {
        @Override
        public void publish(LogRecord record) {
          if (record.getLoggerName().equals(LOGGER.getName())) {
            log.add(record);
          }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  @TempDir private Path folder;

  @BeforeAll
  static void embedOnTheCpu() {
    try (Fovea model = Fovea.open("synthetic:tiny-reg4")) {
      for (int i = 0; i < 4; i++) {
        EXPECTED.add(model.embed(image(i)));
      }
    }
  }

  @AfterAll
  static void forget() {
    EXPECTED.clear();
  }

  @BeforeEach
  void listen() {
    LOGGER.addHandler(listener);
    LOGGER.setUseParentHandlers(false);
  }

  @AfterEach
  void stopListening() {
    LOGGER.removeHandler(listener);
    LOGGER.setUseParentHandlers(true);
  }

  private static Fovea open(Options options, List<DeviceProvider> devices) {
    return Fovea.open(
        () -> VitWeights.of(new SyntheticCheckpoint("synthetic:tiny-reg4"), null, null, null),
        options,
        devices);
  }

  private static Image image(int number) {
    float[] samples = SyntheticCheckpoint.uniform("image " + number, 1, 3 * 28 * 28);
    return Image.planes(28, 28, samples);
  }

  private static void assertOnTheCpu(Fovea model) {
    assertThat(model.device()).startsWith("CPU");
    for (int i = 0; i < EXPECTED.size(); i++) {
      assertThat(model.embed(image(i))).containsExactly(EXPECTED.get(i));
    }
  }

  private List<String> messages(Level level) {
    return log.stream()
        .filter(record -> record.getLevel().equals(level))
        .map(LogRecord::getMessage)
        .toList();
  }

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
}
