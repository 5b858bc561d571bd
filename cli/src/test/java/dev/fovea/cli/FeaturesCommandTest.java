package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeaturesCommandTest {

  @TempDir Path folder;

  private Path pixels(String name, float[] samples, Long... shape) {
    Path file = folder.resolve("pixels.safetensors");
    SafetensorsWriter.write(file, Map.of(new TensorInfo(name, "F32", List.of(shape)), samples));
    return file;
  }

  private static float[] noise(int count) {
    Random random = new Random(5);
    float[] samples = new float[count];
    for (int i = 0; i < count; i++) {
      samples[i] = (float) random.nextGaussian();
    }
    return samples;
  }

  @Test
  void pixelsGiveEveryOutputUnderItsName() {
    float[] samples = noise(3 * 42 * 28);
    Path out = folder.resolve("out.safetensors");
    Path pixels = pixels("image", samples, 3L, 42L, 28L);
    Result result =
        Cli.run(
            "features", "-m", TINY, "--pixels", pixels, "--out", out, "--blocks", "--attention");
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out()).isEmpty();
    try (Checkpoint tensors = Safetensors.open(out);
        Fovea model = Fovea.open(TINY)) {
      assertThat(tensors.tensors().values())
          .containsExactlyInAnyOrder(
              new TensorInfo("tokens_norm", "F32", List.of(11L, 128L)),
              new TensorInfo("tokens_prenorm", "F32", List.of(11L, 128L)),
              new TensorInfo("blocks", "F32", List.of(2L, 11L, 128L)),
              new TensorInfo("attention_last", "F32", List.of(2L, 11L, 11L)),
              new TensorInfo("key_last", "F32", List.of(11L, 128L)));
      float[] tokens = new float[11 * 128];
      tensors.read("tokens_norm", 0, tokens, 0, tokens.length);
      assertThat(tokens)
          .containsExactly(
              model
                  .features(Image.planes(28, 42, samples), FeatureRequest.of(Feature.TOKENS))
                  .get(Feature.TOKENS));
    }
  }

  @Test
  void anImageGivesTokensOfThePreprocessedPixels() throws IOException {
    Path out = folder.resolve("out.safetensors");
    Path image = Cli.image(folder.resolve("a.png"), 60, 50, 1);
    Result result = Cli.run("features", "-m", TINY, "--crop", 28, image, "--out", out);
    assertThat(result.exit()).as(result.err()).isZero();
    try (Checkpoint tensors = Safetensors.open(out)) {
      assertThat(tensors.tensors().keySet()).containsExactly("tokens_norm", "tokens_prenorm");
      assertThat(tensors.tensors().get("tokens_norm").shape()).containsExactly(9L, 128L);
    }
  }

  @Test
  void anImageAndPixelsExcludeEachOther() {
    Path pixels = pixels("image", noise(3 * 14 * 14), 3L, 14L, 14L);
    Path out = folder.resolve("out.safetensors");
    assertThat(Cli.run("features", "-m", TINY, "--out", out).exit()).isEqualTo(2);
    assertThat(Cli.run("features", "-m", TINY, "--out", out, "--pixels", pixels, "a.png").exit())
        .isEqualTo(2);
    assertThat(Cli.run("features", "-m", TINY, "--pixels", pixels).exit()).isEqualTo(2);
    Result prepared =
        Cli.run("features", "-m", TINY, "--out", out, "--pixels", pixels, "--crop", "28");
    assertThat(prepared.exit()).isEqualTo(2);
    assertThat(prepared.err()).contains("--pixels are taken as they are");
    assertThat(Cli.run("lost", "-m", TINY, "--pixels", pixels, "--orient").exit()).isEqualTo(2);
  }

  @Test
  void pixelsOfAnotherNameShapeOrSizeAreRefused() {
    Path out = folder.resolve("out.safetensors");
    Path named = pixels("picture", noise(3 * 14 * 14), 3L, 14L, 14L);
    Result wrongName = Cli.run("features", "-m", TINY, "--pixels", named, "--out", out);
    assertThat(wrongName.exit()).isEqualTo(1);
    assertThat(wrongName.err()).hasLineCount(1).contains("image [3, height, width]", "picture");
    Path shaped = pixels("image", noise(14 * 14 * 3), 14L, 14L, 3L);
    Result wrongShape = Cli.run("features", "-m", TINY, "--pixels", shaped, "--out", out);
    assertThat(wrongShape.err()).contains("[14, 14, 3]");
    Path sized = pixels("image", noise(3 * 15 * 14), 3L, 15L, 14L);
    Result wrongSize = Cli.run("features", "-m", TINY, "--pixels", sized, "--out", out);
    assertThat(wrongSize.exit()).isEqualTo(1);
    assertThat(wrongSize.err()).hasLineCount(1).contains("15");
    assertThat(out).doesNotExist();
  }
}
