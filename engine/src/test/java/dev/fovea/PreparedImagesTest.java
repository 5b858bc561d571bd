package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Images that are prepared while the device works are those that would have been, in order. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PreparedImagesTest {

  private static final String MODEL = "synthetic:tiny-reg4";

  /** Distinct ones, by their width. */
  private static List<Image> images(int count) {
    return IntStream.rangeClosed(1, count)
        .mapToObj(width -> Image.rgb(width, 1, new byte[3 * width]))
        .toList();
  }

  private static PreparedImage blank() {
    return new PreparedImage(Preprocessing.DINOV2);
  }

  @Test
  void theNextOnesAreDoneWhileNobodyAsksAndNotMore() throws InterruptedException {
    CountDownLatch fourOthers = new CountDownLatch(4);
    Set<Integer> seen = ConcurrentHashMap.newKeySet();
    try (PreparedImages prepared =
        new PreparedImages(
            images(20),
            4,
            image -> {
              seen.add(image.width());
              if (image.width() > 1) {
                fourOthers.countDown();
              }
              return blank();
            },
            _ -> {})) {
      prepared.next();
      assertThat(fourOthers.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(seen).containsExactlyInAnyOrder(1, 2, 3, 4, 5);
    }
  }

  @Test
  void withoutAnyAheadTheCallerDoesEverything() {
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    int count = 0;
    try (PreparedImages prepared =
        new PreparedImages(
            images(20),
            0,
            image -> {
              threads.add(Thread.currentThread());
              return blank();
            },
            _ -> {})) {
      for (; prepared.hasNext(); count++) {
        prepared.next();
      }
    }
    assertThat(count).isEqualTo(20);
    assertThat(threads).containsExactly(Thread.currentThread());
  }

  @Test
  void anErrorComesWhenItsTurnDoesAndTheRestIsGivenBack() {
    AtomicInteger made = new AtomicInteger();
    List<PreparedImage> returned = Collections.synchronizedList(new ArrayList<>());
    IllegalArgumentException third = new IllegalArgumentException("third");
    PreparedImages prepared =
        new PreparedImages(
            images(20),
            8,
            image -> {
              switch (image.width()) {
                case 3 -> throw third;
                case 4 -> throw new IllegalStateException("fourth");
                default -> {}
              }
              made.incrementAndGet();
              return blank();
            },
            returned::add);
    prepared.next();
    prepared.next();
    assertThatThrownBy(prepared::next).isSameAs(third);
    prepared.close();
    assertThat(returned).hasSize(made.get() - 2).doesNotContainNull();
  }

  private static Image image(int seed, int side) {
    byte[] samples = new byte[3 * side * side];
    float[] values = SyntheticCheckpoint.uniform("image", seed, samples.length);
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (byte) (128 * values[i]);
    }
    return Image.rgb(side, side, samples);
  }

  /** Runs of different sizes, so that batches end early, and more images than are ahead. */
  private static List<Image> photographs() {
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      images.add(image(i, i % 40 < 25 ? 28 : 42));
    }
    return images;
  }

  private static Fovea open(TestDevices devices) {
    return Fovea.open(
        () -> VitWeights.of(new SyntheticCheckpoint(MODEL), null, null, null),
        options(),
        devices.andCpu());
  }

  private static Options options() {
    return Options.DEFAULT
        .withDevice("test")
        .withPreprocessing(Preprocessing.DINOV2.withSize(0, 0, 0));
  }

  @Test
  void resultsAndBatchesAreTheSame() {
    TestDevices idle = new TestDevices().withBatchTokens(1 << 20).leavingProcessorsIdle();
    TestDevices busy = new TestDevices().withBatchTokens(1 << 20);
    List<Image> images = photographs();
    try (Fovea ahead = open(idle);
        Fovea plain = open(busy)) {
      List<float[]> expected = plain.embedAll(images);
      assertThat(ahead.embedAll(images))
          .zipSatisfy(expected, (got, want) -> assertThat(got).isEqualTo(want));
    }
    assertThat(idle.batches()).isEqualTo(busy.batches());
  }

  @Test
  void theFirstErrorOfAListIsTheOneThatIsThrown() {
    Image[] images = photographs().toArray(Image[]::new);
    images[70] = image(1, 30);
    images[75] = null;
    try (Fovea model = open(new TestDevices().withBatchTokens(1 << 20).leavingProcessorsIdle())) {
      assertThatThrownBy(() -> model.embedAll(Arrays.asList(images)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("30 x 30");
      images[66] = null;
      assertThatThrownBy(() -> model.embedAll(Arrays.asList(images)))
          .isInstanceOf(NullPointerException.class);
      assertThat(model.embedAll(photographs())).hasSize(150);
    }
  }

  /** Callers that fill the pool do the work themselves. */
  @Test
  void callersOnTheCommonPoolDoNotWaitForIt() {
    List<Image> images = photographs().subList(0, 30);
    int callers = 2 * ForkJoinPool.getCommonPoolParallelism() + 2;
    try (Fovea model = open(new TestDevices().withBatchTokens(1 << 20).leavingProcessorsIdle())) {
      float[] expected = model.embed(images.getFirst());
      assertThat(IntStream.range(0, callers).parallel().mapToObj(i -> model.embedAll(images)))
          .hasSize(callers)
          .allSatisfy(all -> assertThat(all.getFirst()).isEqualTo(expected));
    }
  }

  @Test
  void anInterruptionIsLeftToTheCaller() {
    List<Image> images = photographs();
    try (Fovea model = open(new TestDevices().withBatchTokens(1 << 20).leavingProcessorsIdle())) {
      Thread.currentThread().interrupt();
      assertThat(model.embedAll(images)).hasSize(images.size());
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
