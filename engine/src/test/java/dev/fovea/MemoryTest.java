package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Device;
import java.io.File;
import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** Memory: let go when a model is closed, made room in when it is short, and never overflowed. */
@Isolated("waits for the garbage collector")
class MemoryTest {

  private static final String MODEL = "synthetic:tiny";
  private static final FeatureRequest CLS = FeatureRequest.of(Feature.CLS);

  @Test
  void aClosedModelKeepsNoWeightsEvenIfSomebodyKeepsTheModel() throws InterruptedException {
    Supplier<VitWeights> source =
        () -> VitWeights.of(new SyntheticCheckpoint(MODEL), null, null, null);
    try (VitWeights weights = source.get()) {
      Placement placement = new Placement(source, Options.DEFAULT, Placement.installed());
      VisionTransformer packed = placement.place(weights);
      WeakReference<VisionTransformer> watched = new WeakReference<>(packed);
      Session session =
          new Session(
              RegisterEdits.none(weights.config()),
              weights.fingerprint(),
              packed,
              weights.preprocessing(),
              placement);
      packed = null;
      session.run(
          Image.planes(28, 28, new float[3 * 28 * 28]), CLS, MemorySegment.ofArray(new float[128]));
      session.close();
      for (int i = 0; i < 50 && watched.get() != null; i++) {
        System.gc();
        Thread.sleep(10);
      }
      assertThat(watched.get()).isNull();
      assertThatThrownBy(() -> session.warmUp(CLS)).hasMessageContaining("closed");
    }
  }

  /** Not half of its plans have room together in 64 MB. */
  @Test
  void plansMakeRoomForEachOtherWhereMemoryIsShort() throws Exception {
    assertThat(output(ManyShapes.class, "-Xmx64m")).endsWith("the same");
  }

  /** A photograph takes a megabyte while it is prepared, and only some callers' at a time. */
  @Test
  void callersWaitBeforeTheyTakeMemory() throws Exception {
    assertThat(output(ManyCallers.class, "-Xmx128m", "-XX:+ExitOnOutOfMemoryError"))
        .endsWith("400 the same");
  }

  /** What a main class prints in a Java virtual machine of its own. */
  private static String output(Class<?> main, String... flags) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--add-modules=jdk.incubator.vector");
    command.addAll(List.of(flags));
    command.addAll(List.of("-cp", classPath(), main.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  @Test
  void featuresThatNoArrayHoldsAreRefusedWithAWayOut() {
    try (Fovea model = Fovea.open(MODEL)) {
      FeatureLayout layout =
          new FeatureLayout(
              model.config(), FeatureRequest.of(Feature.ATTENTION), 200 * 14, 200 * 14);
      assertThat(layout.bytes()).isEqualTo(4L * 2 * 40_001 * 40_001);
      assertThatThrownBy(layout::floats)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("features(image, request, target)");
    }
  }

  @Test
  void imagesOfMorePatchesThanAnArrayHoldsAreRefused() {
    try (Fovea model = Fovea.open(MODEL)) {
      PositionEmbedding positions =
          new PositionEmbedding(model.config(), new float[128], new float[0], new float[26 * 128]);
      for (int[] grid : List.of(new int[] {70_000, 70_000}, new int[] {1, 4_000_000})) {
        assertThatThrownBy(() -> positions.table(grid[0], grid[1], 0))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(grid[0] + " x " + grid[1]);
      }
    }
  }

  /** Where the classes of this test, of the engine and of the kernels are. */
  private static String classPath() throws URISyntaxException {
    Path tests = Path.of(MemoryTest.class.getResource("MemoryTest.class").toURI());
    Stream.Builder<String> path = Stream.builder();
    path.add(tests.resolve("../../..").normalize().toString());
    for (Class<?> module : List.of(Fovea.class, Device.class)) {
      path.add(
          Path.of(module.getProtectionDomain().getCodeSource().getLocation().toURI()).toString());
    }
    return path.build().collect(Collectors.joining(File.pathSeparator));
  }

  /** Embeds images of many sizes, then the first again, which must give the same bits. */
  static final class ManyShapes {

    private ManyShapes() {}

    public static void main(String[] arguments) {
      try (Fovea model = Fovea.open(MODEL, Options.DEFAULT.withThreads(1))) {
        float[] first = model.embed(image(0));
        for (int i = 1; i < 12; i++) {
          model.embed(image(i));
        }
        System.out.println(Arrays.equals(model.embed(image(0)), first) ? "the same" : "another");
      }
    }

    private static Image image(int number) {
      int width = 14 * (40 + number);
      return Image.planes(width, 560, SyntheticCheckpoint.uniform("image", 1, 3 * width * 560));
    }
  }

  /** Embeds one photograph on 400 virtual threads at once. */
  static final class ManyCallers {

    private ManyCallers() {}

    public static void main(String[] arguments) throws InterruptedException {
      Image photograph = Image.rgb(1600, 1200, new byte[3 * 1600 * 1200]);
      AtomicInteger same = new AtomicInteger();
      try (Fovea model = Fovea.open(MODEL)) {
        float[] expected = model.embed(photograph);
        List<Thread> callers = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
          callers.add(
              Thread.ofVirtual()
                  .start(
                      () -> {
                        if (Arrays.equals(model.embed(photograph), expected)) {
                          same.incrementAndGet();
                        }
                      }));
        }
        for (Thread caller : callers) {
          caller.join();
        }
      }
      System.out.println(same + " the same");
    }
  }
}
