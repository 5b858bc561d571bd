package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Preprocessing;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.cli.Cli.Result;
import dev.fovea.kernels.Pooling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ClassifyCommandTest {

  @TempDir private Path folder;
  private Path image;

  @BeforeEach
  void image() throws IOException {
    image = Cli.image(folder.resolve("images/a.png"), 60, 50, 1);
  }

  /**
   * A head whose classes differ by their bias alone: softmax of 0, log 6, log 3 is 1, 6, 3 / 10.
   */
  private Path head() {
    return write("head.safetensors", new HashMap<>(), "");
  }

  /** A whole model with that head, as Hugging Face's classifiers are. */
  private Path model() {
    return write("model.safetensors", TestModels.tensors(Cli.TINY), "classifier.");
  }

  private Path write(String name, Map<TensorInfo, float[]> tensors, String prefix) {
    tensors.put(new TensorInfo(prefix + "weight", "F32", List.of(3L, 256L)), new float[3 * 256]);
    tensors.put(
        new TensorInfo(prefix + "bias", "F32", List.of(3L)),
        new float[] {0, (float) Math.log(6), (float) Math.log(3)});
    Path file = folder.resolve(name);
    SafetensorsWriter.write(file, tensors);
    return file;
  }

  @Test
  void theLikeliestClassesArePrinted() throws IOException {
    Path labels = Files.writeString(folder.resolve("names.txt"), "cat\ndog\nfox\n");
    Result result =
        Cli.run("classify", "-m", Cli.TINY, "--head", head(), "--labels", labels, "-k", 2, image);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out().lines())
        .containsExactly(image.toString(), "   60.0 %     1  dog", "   30.0 %     2  fox");
  }

  @Test
  void theModelMayRunWithOtherRegistersThanItWasTrainedWith() {
    Result result =
        Cli.run("classify", "-m", Cli.TINY, "--head", head(), "--registers", 2, "-k", 1, image);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out().lines()).containsExactly(image.toString(), "   60.0 %     1  1");
  }

  @Test
  void aModelMayHaveItsHeadInside() {
    Result result = Cli.run("classify", "-m", model(), "--json", image, folder.resolve("images"));
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out().lines()).hasSize(2);
    for (String line : result.out().lines().toList()) {
      JsonNode object = JsonMapper.shared().readTree(line);
      assertThat(object.get("file").asString()).isEqualTo(image.toString());
      JsonNode first = object.get("predictions").get(0);
      assertThat(object.get("predictions").size()).isEqualTo(3);
      assertThat(first.get("index").asInt()).isEqualTo(1);
      assertThat(first.get("label").asString()).isEqualTo("1");
      assertThat(first.get("probability").asDouble()).isBetween(0.5999, 0.6001);
    }
  }

  /** Its head reads CLS and the mean of the patches, its configuration names the classes. */
  @Test
  void aDirectoryFromHuggingFaceHasEverything() throws IOException {
    float[] weight = SyntheticCheckpoint.uniform("weight", 1, 2 * 256);
    float[] bias = {0.25f, -0.5f};
    Path model =
        TestModels.writeHuggingFaceClassifier(
            folder.resolve("hf"),
            Cli.TINY,
            weight,
            bias,
            "{\"0\": \"tench\", \"1\": \"goldfish\"}");
    Result result = Cli.run("classify", "-m", model, "--json", image);
    assertThat(result.exit()).as(result.err()).isZero();
    double[] logits = {bias[0], bias[1]};
    Preprocessing theirs = Preprocessing.DINOV2.withRounding(Preprocessing.Rounding.HUGGING_FACE);
    try (Fovea tiny = Fovea.open(Cli.TINY, Options.DEFAULT.withPreprocessing(theirs))) {
      FeatureRequest request = FeatureRequest.embedding(Pooling.CLS_MEAN, false);
      float[] input = tiny.features(Image.read(image), request).get(Feature.EMBEDDING);
      for (int i = 0; i < weight.length; i++) {
        logits[i / 256] += weight[i] * input[i % 256];
      }
    }
    int likeliest = logits[0] > logits[1] ? 0 : 1;
    JsonNode first = JsonMapper.shared().readTree(result.out()).get("predictions").get(0);
    assertThat(first.get("index").asInt()).isEqualTo(likeliest);
    assertThat(first.get("label").asString()).isEqualTo(likeliest == 0 ? "tench" : "goldfish");
    double probability = 1 / (1 + Math.exp(logits[1 - likeliest] - logits[likeliest]));
    assertThat(first.get("probability").asDouble()).isCloseTo(probability, within(1e-5));
    assertThat(Cli.run("classify", "-m", model, "-k", 1, image).out())
        .endsWith((likeliest == 0 ? "  tench" : "  goldfish") + System.lineSeparator());
  }

  @Test
  void whatIsNoImageIsReportedAndLeftOut() throws IOException {
    Path text = Files.writeString(folder.resolve("images/b.png"), "text");
    Result result = Cli.run("classify", "-m", Cli.TINY, "--head", head(), folder.resolve("images"));
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err()).hasLineCount(1).contains(text.toString());
    assertThat(result.out()).startsWith(image.toString());
  }

  @Test
  void missingHeadsWrongHeadsAndNoImagesAreRefusedInOneLine() throws IOException {
    refused("is a formula", "-m", Cli.TINY, image);
    refused("no such file", "-m", Cli.TINY, "--head", head(), "--labels", "none.txt", image);
    refused("width 384", "-m", "synthetic:small", "--head", head(), image);
    Path damaged = folder.resolve("damaged.pth");
    Files.write(damaged, new byte[100]);
    refused("damaged.pth", "-m", Cli.TINY, "--head", damaged, image);
    Path empty = Files.createDirectory(folder.resolve("empty"));
    refused("no images", "-m", Cli.TINY, "--head", head(), empty);
    assertThat(Cli.run("classify", "-m", Cli.TINY, "--top", 0, image).exit()).isEqualTo(2);
  }

  private static void refused(String message, Object... arguments) {
    Object[] all = new Object[arguments.length + 1];
    all[0] = "classify";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    Result result = Cli.run(all);
    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).hasLineCount(1).contains(message);
  }
}
