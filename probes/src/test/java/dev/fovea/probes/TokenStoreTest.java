package dev.fovea.probes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.DecodeOptions;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.FoveaException;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Preprocessing;
import dev.fovea.ProgressListener;
import dev.fovea.RegisterContents;
import dev.fovea.probes.TokenStore.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenStoreTest {

  private static final String MODEL = "synthetic:tiny-reg4";
  private static final Preprocessing SMALL = Preprocessing.DINOV2.withSize(50, 28, 42);

  @TempDir private Path folder;
  private Path cache;
  private Path image;

  @BeforeEach
  void image() {
    cache = folder.resolve("cache");
    image = TestImages.write(folder.resolve("a.bmp"), 80, 60, 0x8040c0, 1);
  }

  private TokenStore store(Fovea model, Preprocessing preprocessing) {
    return new TokenStore(model, MODEL, preprocessing, DecodeOptions.DEFAULT, cache);
  }

  @Test
  void tokensAreThoseOfTheModel() {
    try (Fovea model = Fovea.open(MODEL, Options.DEFAULT.withPreprocessing(SMALL))) {
      Features expected =
          model.features(
              Image.read(image),
              FeatureRequest.of(
                  Feature.CLS, Feature.REGISTERS, Feature.PATCHES, Feature.PRENORM_TOKENS));
      TokenStore store = store(model, SMALL);
      ImageSummary summary = store.summary(image);
      assertThat(summary.cls()).containsExactly(expected.get(Feature.CLS));
      assertThat(summary.registers()).containsExactly(expected.get(Feature.REGISTERS));
      PatchTokens patches = store.patches(image);
      assertThat(patches.rows()).isEqualTo(2);
      assertThat(patches.columns()).isEqualTo(3);
      assertThat(patches.tokens()).containsExactly(expected.get(Feature.PATCHES));
      for (int channel = 0; channel < 128; channel++) {
        int at = channel;
        double mean =
            IntStream.range(0, 6).mapToDouble(i -> patches.token(i)[at]).average().getAsDouble();
        assertThat((double) summary.mean()[channel]).isCloseTo(mean, Offset.offset(1e-6));
      }
      for (int patch = 0; patch < 6; patch++) {
        int row = 5 + patch;
        float[] token =
            Arrays.copyOfRange(expected.get(Feature.PRENORM_TOKENS), row * 128, (row + 1) * 128);
        double squares = 0;
        for (float value : token) {
          squares += (double) value * value;
        }
        assertThat((double) patches.norms()[patch])
            .isCloseTo(Math.sqrt(squares), Offset.offset(1e-4));
      }
    }
  }

  @Test
  void anotherPreprocessingThanTheModelsIsTheSameAsTheModelsOwn() {
    float[] expected;
    try (Fovea model = Fovea.open(MODEL, Options.DEFAULT.withPreprocessing(SMALL))) {
      expected = model.embed(Image.read(image));
    }
    try (Fovea model = Fovea.open(MODEL)) {
      assertThat(store(model, SMALL).summary(image).cls()).containsExactly(expected);
    }
  }

  @Test
  void pixelsAreThePatchesOfTheNormalisedPlanes() {
    try (Fovea model = Fovea.open(MODEL)) {
      // Size 0 leaves the image as it is: 28 x 42 pixels, 3 x 2 patches.
      Preprocessing plain = Preprocessing.DINOV2.withSize(0, 0, 0);
      Path small = TestImages.write(folder.resolve("b.bmp"), 28, 42, 0x808080, 2);
      float[] pixels = store(model, plain).pixels(small);
      assertThat(pixels).hasSize(6 * 3 * 14 * 14);
      Image.Rgb rgb = (Image.Rgb) Image.read(small);
      int sample = rgb.samples()[3 * ((2 * 14 + 3) * 28 + 14 + 5) + 1] & 0xff;
      int patch = 2 * 2 + 1;
      assertThat(pixels[(patch * 3 + 1) * 14 * 14 + 3 * 14 + 5])
          .isEqualTo((sample / 255f - 0.456f) / 0.224f);
    }
  }

  @Test
  void whatIsOnDiskIsNotComputedAgain() {
    TokenStore store;
    ImageSummary computed;
    try (Fovea model = Fovea.open(MODEL)) {
      store = store(model, SMALL);
      computed = store.summary(image);
    }
    assertThat(store.summary(image).mean()).containsExactly(computed.mean());
    assertThat(store.summary(image).registers()).containsExactly(computed.registers());
    assertThatThrownBy(() -> store.patches(image)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void anotherImagePreprocessingOrModelIsComputed() {
    TokenStore store;
    try (Fovea model = Fovea.open(MODEL)) {
      store = store(model, SMALL);
      store.summary(image);
    }
    Path other = TestImages.write(folder.resolve("c.bmp"), 80, 60, 0x8040c0, 2);
    assertThatThrownBy(() -> store.summary(other)).isInstanceOf(IllegalStateException.class);
    try (Fovea model = Fovea.open(MODEL)) {
      assertThat(store(model, SMALL.withSize(50, 42, 42)).patches(image).rows()).isEqualTo(3);
      TokenStore others = new TokenStore(model, "other", SMALL, DecodeOptions.DEFAULT, cache);
      others.summary(image);
      new TokenStore(model, MODEL, SMALL, new DecodeOptions(1 << 20, true), cache).summary(image);
    }
    assertThat(files(cache)).hasSize(4);
  }

  @Test
  void otherContentsOfTheRegistersAreComputed() {
    for (float content : new float[] {0, 1, 0}) {
      float[][] contents = new float[2][4 * 128];
      contents[1][7] = content;
      Options options = Options.DEFAULT.withRegisters(new RegisterContents(contents));
      try (Fovea model = Fovea.open(MODEL, options)) {
        store(model, SMALL).summary(image);
      }
    }
    assertThat(files(cache)).hasSize(2);
  }

  @Test
  void theNumberOfThreadsMakesNoDifference() {
    for (int threads = 1; threads <= 2; threads++) {
      try (Fovea model = Fovea.open(MODEL, Options.DEFAULT.withThreads(threads))) {
        store(model, SMALL).summary(image);
      }
    }
    assertThat(files(cache)).hasSize(1);
  }

  @Test
  void aChangedImageIsNoticedByTheNextRun() {
    try (Fovea model = Fovea.open(MODEL)) {
      float[] before = store(model, SMALL).summary(image).cls();
      TestImages.write(image, 80, 60, 0x000000, 1);
      assertThat(store(model, SMALL).summary(image).cls()).isNotEqualTo(before);
    }
  }

  @Test
  void damagedFilesAreComputedAgain() throws IOException {
    try (Fovea model = Fovea.open(MODEL)) {
      float[] tokens = store(model, SMALL).patches(image).tokens();
      Path file = files(cache).getFirst();
      byte[] bytes = Files.readAllBytes(file);
      for (int length : new int[] {0, 7, 100, bytes.length - 1}) {
        Files.write(file, Arrays.copyOf(bytes, length));
        assertThat(store(model, SMALL).patches(image).tokens()).containsExactly(tokens);
        assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
      }
      TensorFile.write(file, Map.of("norms", new Tensor(List.of(2L, 3L), new float[6])));
      assertThat(store(model, SMALL).patches(image).tokens()).containsExactly(tokens);
    }
  }

  @Test
  void runsAtTheSameTimeShareAFolder() throws InterruptedException {
    List<Path> images =
        IntStream.range(0, 8)
            .mapToObj(
                i -> TestImages.write(folder.resolve("many/" + i + ".bmp"), 60, 60, 0x808080, i))
            .toList();
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    try (Fovea model = Fovea.open(MODEL)) {
      List<Thread> runs =
          Stream.generate(() -> store(model, SMALL))
              .limit(3)
              .map(
                  store ->
                      Thread.ofPlatform()
                          .uncaughtExceptionHandler((thread, e) -> failures.add(e))
                          .start(() -> store.compute(images, Kind.SUMMARY, ProgressListener.NONE)))
              .toList();
      for (Thread run : runs) {
        run.join();
      }
    }
    assertThat(failures).isEmpty();
    assertThat(files(cache))
        .hasSize(8)
        .allMatch(file -> file.toString().endsWith(".summary.safetensors"));
  }

  @Test
  void whatCannotBeReadOrWrittenIsNamed() throws IOException {
    try (Fovea model = Fovea.open(MODEL)) {
      TokenStore store = store(model, SMALL);
      assertThatThrownBy(() -> store.summary(folder.resolve("none.png")))
          .isInstanceOf(FoveaException.class)
          .hasMessageContaining("none.png");
      Path text = Files.writeString(folder.resolve("text.png"), "text");
      assertThatThrownBy(
              () -> store.compute(List.of(image, text), Kind.SUMMARY, ProgressListener.NONE))
          .isInstanceOf(FoveaException.class)
          .hasMessageContaining("text.png");
      assertThatThrownBy(() -> store(model, SMALL.withSize(0, 0, 0)).summary(image))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("a.bmp");
      Path file = Files.createFile(folder.resolve("file"));
      assertThatThrownBy(() -> new TokenStore(model, MODEL, SMALL, DecodeOptions.DEFAULT, file))
          .isInstanceOf(FoveaException.class)
          .hasMessageContaining(file.toString());
    }
    assertThat(files(cache)).allMatch(file -> file.toString().endsWith(".safetensors"));
  }

  private static List<Path> files(Path folder) {
    try (Stream<Path> found = Files.walk(folder)) {
      return found.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
