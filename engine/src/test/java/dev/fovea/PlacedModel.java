package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.DeviceProvider;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** A small model for tests of devices: what it gives on the CPU, and what the engine logs. */
abstract class PlacedModel {

  static final Options AUTO = Options.DEFAULT.withDevice("auto").withThreads(2);
  static final Options TEST = AUTO.withDevice("test");
  private static final Logger LOGGER = Logger.getLogger("dev.fovea");

  /** Embeddings of {@link #image} on the CPU. */
  static final List<float[]> EXPECTED = new ArrayList<>();

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

  /** The model with these devices and no others. */
  static Fovea open(Options options, List<DeviceProvider> devices) {
    return Fovea.open(
        () -> VitWeights.of(new SyntheticCheckpoint("synthetic:tiny-reg4"), null, null, null),
        options,
        devices);
  }

  /** One of some images. */
  static Image image(int number) {
    float[] samples = SyntheticCheckpoint.uniform("image " + number, 1, 3 * 28 * 28);
    return Image.planes(28, 28, samples);
  }

  /** Checks the embeddings, bit by bit. */
  static void assertOnTheCpu(Fovea model) {
    assertThat(model.device()).startsWith("CPU");
    for (int i = 0; i < EXPECTED.size(); i++) {
      assertThat(model.embed(image(i))).containsExactly(EXPECTED.get(i));
    }
  }

  /** What the engine has logged since the test began. */
  List<String> messages(Level level) {
    return log.stream()
        .filter(record -> record.getLevel().equals(level))
        .map(LogRecord::getMessage)
        .toList();
  }
}
