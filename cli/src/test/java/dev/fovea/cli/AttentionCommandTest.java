package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.AttentionMaps;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.cli.Cli.Result;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttentionCommandTest {

  @TempDir Path folder;

  private Path image;
  private Path arrays;
  private Path out;

  @BeforeEach
  void image() throws IOException {
    image = Cli.image(folder.resolve("a.png"), 260, 256, 1);
    arrays = folder.resolve("arrays.safetensors");
    out = folder.resolve("maps");
  }

  @Test
  void arraysAreTheMapsOfTheLibrary() {
    Result result = Cli.run("attention", "-m", TINY, image, "--blocks", "0,1", "--arrays", arrays);
    assertThat(result.exit()).as(result.err()).isZero();
    try (Checkpoint tensors = Safetensors.open(arrays);
        Fovea model = Fovea.open(TINY)) {
      assertThat(tensors.tensors().keySet())
          .containsExactly("a.block0", "a.block0.mean", "a.block1", "a.block1.mean");
      assertThat(tensors.tensor("a.block1").shape()).containsExactly(5L, 2L, 16L, 16L);
      float[] values = new float[5 * 2 * 256];
      tensors.read("a.block0", 0, values, 0, values.length);
      AttentionMaps maps = AttentionMaps.of(model, Image.read(image), 0);
      int register3head1 = (3 * 2 + 1) * 256;
      assertThat(Arrays.copyOfRange(values, register3head1, register3head1 + 256))
          .containsExactly(maps.head(0, 1, 3));
      assertThat(tensors.tensor("a.block0.mean").shape()).containsExactly(5L, 16L, 16L);
      float[] means = new float[5 * 256];
      tensors.read("a.block0.mean", 0, means, 0, means.length);
      assertThat(Arrays.copyOfRange(means, 3 * 256, 4 * 256)).containsExactly(maps.mean(0, 3));
    }
  }

  @Test
  void massIsKeptInArrays() {
    Result result = Cli.run("attention", "-m", TINY, image, "--mass", "0.6", "--arrays", arrays);
    assertThat(result.exit()).as(result.err()).isZero();
    try (Checkpoint tensors = Safetensors.open(arrays)) {
      float[] map = new float[256];
      tensors.read("a.block1", 0, map, 0, map.length);
      int zeros = 0;
      for (float value : map) {
        zeros += value == 0 ? 1 : 0;
      }
      assertThat(zeros).isBetween(30, 250);
    }
  }

  @Test
  void picturesAreDrawnForEveryQuery() throws IOException {
    Result result = Cli.run("attention", "-m", TINY, image, "--out", out, "--format", "png,svg");
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(out.toFile().list())
        .hasSize(12)
        .contains(
            "a-attention-1.png",
            "a-attention-1.svg",
            "a-attention-1-cls.png",
            "a-attention-1-register4.svg");
  }

  /**
   * Colours go from (68, 1, 84) to (253, 231, 37): how much redder than blue one is tells where it
   * lies, also where 60 % of it are laid over a gray image.
   */
  @Test
  void whatIsLookedAtMostIsBrightestAndWhatMassLeavesOutIsDark() throws IOException {
    Result result = Cli.run("attention", "-m", TINY, image, "--mass", 0.5, "--heads", "--out", out);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(out.toFile().list()).hasSize(1 + 5 * (1 + 2));
    BufferedImage sheet = ImageIO.read(out.resolve("a-attention-1.png").toFile());
    try (Fovea model = Fovea.open(TINY)) {
      AttentionMaps maps = AttentionMaps.of(model, Image.read(image), 1);
      for (int query = 0; query <= 4; query++) {
        String name = query == 0 ? "a-attention-1-cls" : "a-attention-1-register" + query;
        for (int column = 0; column <= 2; column++) {
          float[] map = column == 0 ? maps.mean(1, query) : maps.head(1, column - 1, query);
          Path file = out.resolve(name + (column == 0 ? "" : "-head" + (column - 1)) + ".png");
          BufferedImage over = ImageIO.read(file.toFile());
          assertThat(over.getHeight()).isEqualTo(448);
          int hottest = extreme(map, 1);
          int coldest = extreme(map, -1);
          assertThat(redder(over, 28 * (hottest % 16) + 14, 28 * (hottest / 16) + 14))
              .isBetween(128, 131);
          assertThat(redder(over, 28 * (coldest % 16) + 14, 28 * (coldest / 16) + 14))
              .isBetween(-11, -8);
          int left = 84 + column * 134;
          int top = 24 + query * 134;
          assertThat(redder(sheet, left + 8 * (hottest % 16) + 4, top + 8 * (hottest / 16) + 4))
              .isEqualTo(253 - 37);
          assertThat(redder(sheet, left + 8 * (coldest % 16) + 4, top + 8 * (coldest / 16) + 4))
              .isEqualTo(68 - 84);
        }
      }
    }
  }

  private static int extreme(float[] map, int sign) {
    return IntStream.range(0, map.length)
        .boxed()
        .max(Comparator.comparingDouble(patch -> sign * map[patch]))
        .orElseThrow();
  }

  private static int redder(BufferedImage picture, int x, int y) {
    Color color = new Color(picture.getRGB(x, y));
    return color.getRed() - color.getBlue();
  }

  @Test
  void outputsThatCannotBeWrittenAreKnownBeforeTheModel() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "text");
    String model = "no/such/model.safetensors";
    refused(1, file + " is a file", "attention", "-m", model, image, "--out", file);
    refused(1, "no directory", "attention", "-m", model, image, "--arrays", "none/a.safetensors");
    assertThat(file).hasContent("text");
  }

  @Test
  void arraysAndPicturesAppearTogether() throws IOException {
    Files.createDirectories(out.resolve("a-attention-1-cls.png"));
    refused(
        1,
        "a-attention-1-cls.png",
        "attention",
        "-m",
        TINY,
        image,
        "--out",
        out,
        "--arrays",
        arrays);
    assertThat(arrays).doesNotExist();
    assertThat(out.toFile().list()).containsExactly("a-attention-1-cls.png");
  }

  @Test
  void whatCannotBeDoneLeavesNothingBehind() {
    Path broken = folder.resolve("maps").resolve("a.png");
    refused(2, "nothing to do", "attention", "-m", TINY, image);
    refused(2, "--blocks", "attention", "-m", TINY, image, "--blocks", "x", "--out", out);
    refused(1, "block 2", "attention", "-m", TINY, image, "--blocks", "2", "--out", out);
    refused(1, "1.5", "attention", "-m", TINY, image, "--mass", "1.5", "--out", out);
    refused(
        1,
        broken.toString(),
        "attention",
        "-m",
        TINY,
        image,
        broken,
        "--out",
        out,
        "--arrays",
        arrays);
    assertThat(out).doesNotExist();
    assertThat(arrays).doesNotExist();
  }

  private static void refused(int exit, String why, Object... arguments) {
    Result result = Cli.run(arguments);
    assertThat(result.exit()).isEqualTo(exit);
    assertThat(result.err()).hasLineCount(1).contains(why);
  }
}
