package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.AttentionMaps;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
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
      assertThat(tensors.tensors().keySet()).containsExactly("a.block0", "a.block1");
      assertThat(tensors.tensor("a.block1").shape()).containsExactly(5L, 2L, 16L, 16L);
      float[] values = new float[5 * 2 * 256];
      tensors.read("a.block0", 0, values, 0, values.length);
      AttentionMaps maps = AttentionMaps.of(model, Image.read(image), 0);
      int register3head1 = (3 * 2 + 1) * 256;
      assertThat(Arrays.copyOfRange(values, register3head1, register3head1 + 256))
          .containsExactly(maps.head(0, 1, 3));
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
    assertThat(ImageIO.read(out.resolve("a-attention-1-cls.png").toFile()).getHeight())
        .isEqualTo(448);
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
