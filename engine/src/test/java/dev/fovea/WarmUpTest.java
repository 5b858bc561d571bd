package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.WeightStorage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rehearsals and warm-ups change nothing but the time that requests take. */
@Timeout(120)
@Isolated("looks for threads by name, and sets the default handler of errors")
class WarmUpTest {

  private static final Options IN_BACKGROUND =
      Options.DEFAULT.withThreads(2).withBackgroundWarmUp(true);

  /** A rehearsal that fails would go unnoticed: opening does not depend on it. */
  @ParameterizedTest
  @EnumSource(WeightStorage.class)
  void theCpuCanBeRehearsed(WeightStorage storage) {
    DeviceProvider cpu = Placement.installed().getFirst();
    for (String kernels : List.of("auto", "scalar")) {
      assertThatCode(() -> cpu.rehearse(new DeviceOptions(kernels, 1, storage)))
          .doesNotThrowAnyException();
    }
  }

  @Test
  void aRequestDuringTheWarmUpIsAnsweredAsEver() {
    float[] expected;
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withThreads(2))) {
      expected = model.embed(image());
    }
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", IN_BACKGROUND)) {
      for (int i = 0; i < 50; i++) {
        assertThat(model.embed(image())).containsExactly(expected);
      }
      model.warmUp();
      assertThat(model.embed(image())).containsExactly(expected);
    }
  }

  @Test
  void closingEndsTheWarmUpWithoutAnError() throws InterruptedException {
    List<Throwable> uncaught = Collections.synchronizedList(new ArrayList<>());
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, error) -> uncaught.add(error));
    try {
      for (int i = 0; i < 10; i++) {
        Fovea model = Fovea.open("synthetic:tiny-reg4", IN_BACKGROUND);
        Thread.sleep(i);
        model.close();
        assertThatThrownBy(() -> model.embed(image())).isInstanceOf(IllegalStateException.class);
      }
      for (Thread thread : warmUps()) {
        thread.join();
      }
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
    assertThat(uncaught).isEmpty();
  }

  @Test
  void theWarmUpIsOneOptionAmongOthers() {
    assertThat(Options.DEFAULT.backgroundWarmUp()).isFalse();
    Options options =
        IN_BACKGROUND
            .withDevice("cpu")
            .withKernels("scalar")
            .withThreads(3)
            .withStorage(WeightStorage.F16)
            .withPooling(Pooling.MEAN, true)
            .withPreprocessing(Preprocessing.DINOV2)
            .withPositionPolicy(PositionPolicy.SIZE)
            .withProgress(ProgressListener.NONE);
    assertThat(options.backgroundWarmUp()).isTrue();
    assertThat(options.withBackgroundWarmUp(false).backgroundWarmUp()).isFalse();
    assertThat(options.withBackgroundWarmUp(false).threads()).isEqualTo(3);
  }

  /** Without a crop there is no usual size; a warm-up runs some size then. */
  @Test
  void modelsWithoutACropWarmUp() {
    Preprocessing asTheyAre = Preprocessing.DINOV2.withSize(0, 0, 0);
    Options options = Options.DEFAULT.withPreprocessing(asTheyAre);
    try (Fovea model = Fovea.open("synthetic:tiny", options)) {
      model.warmUp();
      assertThat(model.embed(image())).hasSize(128);
    }
  }

  private static List<Thread> warmUps() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("fovea-warm-up"))
        .toList();
  }

  private static Image image() {
    return Image.planes(70, 70, SyntheticCheckpoint.uniform("image", 1, 3 * 70 * 70));
  }
}
