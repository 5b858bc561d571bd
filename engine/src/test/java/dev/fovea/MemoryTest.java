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
import java.util.Arrays;
import java.util.List;
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

  /** Runs {@link ManyShapes} in 64 MB, where not half of its plans have room together. */
  @Test
  void plansMakeRoomForEachOtherWhereMemoryIsShort() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-Xmx64m",
                "-cp",
                classPath(),
                ManyShapes.class.getName())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output).endsWith("the same");
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
}
