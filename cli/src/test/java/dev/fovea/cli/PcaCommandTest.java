package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import dev.fovea.analysis.ComponentColors;
import dev.fovea.analysis.KMeans;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.cli.Cli.Result;
import dev.fovea.plots.Palette;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PcaCommandTest {

  @TempDir Path folder;

  private Path first;
  private Path second;
  private Path arrays;
  private Path out;

  @BeforeEach
  void images() throws IOException {
    first = Cli.image(folder.resolve("one").resolve("a.png"), 256, 256, 1);
    second = Cli.image(folder.resolve("two").resolve("a.png"), 256, 256, 2);
    arrays = folder.resolve("arrays.safetensors");
    out = folder.resolve("maps");
  }

  @Test
  void imagesShareTheComponentsOfTheLibrary() {
    Result result = Cli.run("pca", "-m", TINY, first, second, "--segments", 3, "--arrays", arrays);
    assertThat(result.exit()).as(result.err()).isZero();
    try (Checkpoint tensors = Safetensors.open(arrays);
        Fovea model = Fovea.open(TINY)) {
      assertThat(tensors.tensors().keySet())
          .containsExactly("a-2.components", "a-2.segments", "a.components", "a.segments");
      ComponentColors expected =
          ComponentColors.of(List.of(features(model, first), features(model, second)));
      float[] components = new float[16 * 16 * 3];
      tensors.read("a-2.components", 0, components, 0, components.length);
      for (int i = 0; i < components.length; i++) {
        assertThat(components[i]).isEqualTo((float) expected.images().get(1)[i / 3][i % 3]);
      }
      float[] segments = new float[256];
      tensors.read("a-2.segments", 0, segments, 0, 256);
      assertThat(segments).containsOnly(0, 1, 2);
    }
  }

  private static PatchFeatures features(Fovea model, Path file) {
    return PatchFeatures.of(model, Image.read(file), PatchFeatures.Source.TOKENS);
  }

  @Test
  void theBackgroundHasNoComponents() {
    Result result = Cli.run("pca", "-m", TINY, first, "--foreground", "0.5", "--arrays", arrays);
    assertThat(result.exit()).as(result.err()).isZero();
    try (Checkpoint tensors = Safetensors.open(arrays)) {
      float[] components = new float[16 * 16 * 3];
      tensors.read("a.components", 0, components, 0, components.length);
      int background = 0;
      for (int i = 0; i < components.length; i += 3) {
        float[] patch = Arrays.copyOfRange(components, i, i + 3);
        background += Arrays.equals(patch, new float[3]) ? 1 : 0;
      }
      assertThat(background).isBetween(20, 236);
    }
  }

  /** Patches of 28 x 28 pixels: in the colours of the library, and those of segments at 60 %. */
  @Test
  void picturesAreDrawn() throws IOException {
    Result result = Cli.run("pca", "-m", TINY, first, second, "--segments", 3, "--out", out);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(out.toFile().list())
        .containsExactlyInAnyOrder(
            "a-pca.png", "a-segments.png", "a-2-pca.png", "a-2-segments.png");
    try (Fovea model = Fovea.open(TINY)) {
      List<PatchFeatures> features = List.of(features(model, first), features(model, second));
      int[] rgb = ComponentColors.of(features).rgb(1, 3);
      int[] segments = Palette.of(KMeans.segments(features, 3, 1).get(1));
      BufferedImage components = ImageIO.read(out.resolve("a-2-pca.png").toFile());
      BufferedImage over = ImageIO.read(out.resolve("a-2-segments.png").toFile());
      Image.Rgb seen = Preprocessor.apply((Image.Rgb) Image.read(second), Preprocessing.DINOV2);
      for (int patch = 0; patch < 256; patch++) {
        int x = 28 * (patch % 16) + 14;
        int y = 28 * (patch / 16) + 14;
        assertThat(components.getRGB(x, y) & 0xffffff).isEqualTo(rgb[patch]);
        int photograph = seen.samples()[3 * (y / 2 * 224 + x / 2)] & 0xff;
        int red = new Color(segments[patch]).getRed();
        assertThat((double) new Color(over.getRGB(x, y)).getRed())
            .isCloseTo(0.4 * photograph + 0.6 * red, within(0.51));
      }
    }
  }

  @Test
  void outputsThatCannotBeWrittenAreKnownBeforeTheModel() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "text");
    refused(1, file + " is a file", "pca", "-m", "no/such/model.pth", first, "--out", file);
  }

  @Test
  void whatCannotBeDoneLeavesNothingBehind() {
    refused(2, "nothing to do", "pca", "-m", TINY, first);
    refused(2, "--segments at most", "pca", "-m", TINY, first, "--out", out, "--segments", 25);
    refused(2, "--deviations", "pca", "-m", TINY, first, "--out", out, "--deviations", 0);
    refused(1, "0 groups", "pca", "-m", TINY, first, "--out", out, "--segments", 0);
    refused(1, "4 patches", "pca", "-m", TINY, first, "--out", out, "--crop", "14");
    refused(1, "threshold", "pca", "-m", TINY, first, "--out", out, "--foreground", 1);
    assertThat(out).doesNotExist();
  }

  private static void refused(int exit, String why, Object... arguments) {
    Result result = Cli.run(arguments);
    assertThat(result.exit()).isEqualTo(exit);
    assertThat(result.err()).hasLineCount(1).contains(why);
  }
}
