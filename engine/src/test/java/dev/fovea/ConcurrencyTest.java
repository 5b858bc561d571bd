package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Many threads share one model until somebody closes it: every answer is right, and whoever comes
 * too late is told so. The minute that takes passes beside other tests.
 */
@Execution(ExecutionMode.CONCURRENT)
class ConcurrencyTest {

  private static final int THREADS = 32;

  @Test
  void platformThreadsShareAModelForAMinuteUntilItIsClosed() throws Exception {
    try (ExecutorService executor = Executors.newFixedThreadPool(THREADS)) {
      share(executor, TimeUnit.SECONDS.toNanos(60));
    }
  }

  @Test
  void virtualThreadsShareAModelUntilItIsClosed() throws Exception {
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      share(executor, TimeUnit.SECONDS.toNanos(5));
    }
  }

  private static void share(ExecutorService executor, long nanos) throws Exception {
    List<Image> images = new ArrayList<>();
    List<float[]> expected = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      images.add(i % 2 == 0 ? planes(i) : rgb(i));
    }
    Fovea model = Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withThreads(2));
    for (Image image : images) {
      expected.add(model.embed(image));
    }
    AtomicInteger answers = new AtomicInteger();
    List<Future<Boolean>> callers = new ArrayList<>();
    for (int caller = 0; caller < THREADS; caller++) {
      int first = caller;
      callers.add(executor.submit(() -> embedUntilClosed(model, images, expected, first, answers)));
    }
    TimeUnit.NANOSECONDS.sleep(nanos);
    model.close();
    for (Future<Boolean> caller : callers) {
      assertThat(caller.get(30, TimeUnit.SECONDS)).as("was told that the model is closed").isTrue();
    }
    assertThat(answers.get()).isGreaterThan(THREADS);
  }

  private static boolean embedUntilClosed(
      Fovea model, List<Image> images, List<float[]> expected, int first, AtomicInteger answers) {
    for (int i = first; ; i++) {
      int index = i % images.size();
      float[] embedding;
      try {
        embedding =
            i % 5 == 0
                ? model.embedAll(List.of(images.get(index), images.get(index))).getLast()
                : model.embed(images.get(index));
      } catch (IllegalStateException e) {
        return e.getMessage().contains("closed");
      }
      assertThat(embedding).containsExactly(expected.get(index));
      answers.incrementAndGet();
    }
  }

  private static Image planes(int seed) {
    int side = 28 + 14 * seed;
    return Image.planes(side, 42, SyntheticCheckpoint.uniform("image", seed, 3 * side * 42));
  }

  private static Image rgb(int seed) {
    byte[] samples = new byte[3 * 64 * 48];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (byte) (i * (seed + 3));
    }
    return Image.rgb(64, 48, samples);
  }
}
