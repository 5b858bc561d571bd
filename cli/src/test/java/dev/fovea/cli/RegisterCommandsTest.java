package dev.fovea.cli;

import static dev.fovea.cli.Cli.TINY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.AttentionBias;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.cli.Cli.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * register-neurons, attention-bias, ablate-registers, and what other commands do with their files.
 *
 * <p>A percentile makes outliers of some patches of any model.
 */
class RegisterCommandsTest {

  private static final String PLAIN = "synthetic:tiny";

  @TempDir Path folder;
  private Path first;
  private Path second;
  private Path neurons;
  private Path bias;

  @BeforeEach
  void images() throws IOException {
    first = Cli.image(folder.resolve("images").resolve("a.png"), 256, 256, 1);
    second = Cli.image(folder.resolve("images").resolve("b.png"), 300, 260, 2);
    neurons = folder.resolve("neurons.json");
    bias = folder.resolve("bias.safetensors");
  }

  private void find(String model, Object... more) {
    Object[] arguments = {
      "register-neurons", "-m", model, "--method", "percentile", "-o", neurons, first, second
    };
    Result result = Cli.run(concatenated(arguments, more));
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out()).contains("512 patches", "block  neuron", "outliers remain");
  }

  private static Object[] concatenated(Object[] first, Object[] second) {
    return Stream.of(first, second).flatMap(Stream::of).toArray();
  }

  @Test
  void theNeuronsOfAFileAreAsManyAndInTheFormThatWasAskedFor() {
    find(PLAIN, "--top-k", 12, "--form", "repo", "--highest-block", 0);
    TestTimeRegister register = (TestTimeRegister) Registers.read(neurons);
    assertThat(register.neurons()).hasSize(12).allMatch(neuron -> neuron.block() == 0);
    assertThat(register.neurons())
        .isSortedAccordingTo((a, b) -> Double.compare(b.score(), a.score()));
    assertThat(register.form()).isEqualTo(TestTimeRegister.Form.REPO);
  }

  @Test
  void otherCommandsRunTheModelWithTheRegister() throws IOException {
    find(PLAIN, "--top-k", 3);
    Path out = folder.resolve("features.safetensors");
    Result features =
        Cli.run("features", "-m", PLAIN, "--test-time-register", neurons, first, "-o", out);
    assertThat(features.exit()).as(features.err()).isZero();
    Options options = Options.DEFAULT.withRegisters(Registers.read(neurons));
    try (Fovea model = Fovea.open(PLAIN, options);
        Checkpoint written = Safetensors.open(out)) {
      assertThat(written.tensors().get("tokens_norm").shape()).containsExactly(258L, 128L);
      float[] tokens = new float[258 * 128];
      written.read("tokens_norm", 0, tokens, 0, tokens.length);
      assertThat(tokens)
          .containsExactly(
              model
                  .features(Image.read(first), FeatureRequest.of(Feature.TOKENS))
                  .get(Feature.TOKENS));
      assertThat(embedded(PLAIN, "--test-time-register", neurons))
          .containsExactly(model.embed(Image.read(first)));
    }
    Result outliers =
        Cli.run(
            "outliers",
            "-m",
            PLAIN,
            "--test-time-register",
            neurons,
            "--compare",
            PLAIN,
            "--json",
            first);
    assertThat(outliers.exit()).as(outliers.err()).isZero();
    JsonNode models = JsonMapper.shared().readTree(outliers.out()).get("models");
    assertThat(models.get(0).get("images").get(0).get("register_norms").size()).isEqualTo(1);
    assertThat(models.get(1).get("images").get(0).get("register_norms").size()).isZero();
  }

  @Test
  void anAttentionBiasTakesTheRegistersPlace() {
    find(PLAIN, "--top-k", 3);
    Result result =
        Cli.run(
            "attention-bias",
            "-m",
            PLAIN,
            "--test-time-register",
            neurons,
            "-o",
            bias,
            first,
            second);
    assertThat(result.exit()).as(result.err()).isZero();
    assertThat(result.out()).contains("3 neurons", "mean of 2 image(s)");
    AttentionBias written = (AttentionBias) Registers.read(bias);
    try (Fovea model = Fovea.open(PLAIN, Options.DEFAULT.withRegisters(written))) {
      assertThat(embedded(PLAIN, "--test-time-register", bias))
          .containsExactly(model.embed(Image.read(first)));
    }
  }

  @Test
  void aBiasNeedsARegister() {
    Result result = Cli.run("attention-bias", "-m", PLAIN, "-o", bias, first);
    assertThat(result.exit()).isEqualTo(2);
    assertThat(result.err()).contains("--test-time-register");
    find(PLAIN, "--top-k", 3);
    Result name =
        Cli.run(
            "attention-bias",
            "-m",
            PLAIN,
            "--test-time-register",
            neurons,
            "-o",
            folder.resolve("bias.json"),
            first);
    assertThat(name.exit()).isEqualTo(2);
    assertThat(name.err()).contains(".safetensors");
  }

  @Test
  void aFileOfAnotherModelOrOfNoneIsRefusedInOneLine() throws IOException {
    find(PLAIN, "--top-k", 3);
    Path out = folder.resolve("features.safetensors");
    Path text = Files.writeString(folder.resolve("text.json"), "{\"neurons\": 1}");
    for (Object[] wrong :
        List.of(new Object[] {"synthetic:tiny@9", neurons}, new Object[] {PLAIN, text})) {
      Result result =
          Cli.run("features", "-m", wrong[0], "--test-time-register", wrong[1], first, "-o", out);
      assertThat(result.exit()).isEqualTo(1);
      assertThat(result.err()).hasLineCount(1);
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void withoutOutliersNothingIsWritten() throws IOException {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    for (Object[] wrong :
        List.of(
            new Object[] {"--method", "fixed", "--cutoff", 1e6, first},
            new Object[] {"--block", 7, first},
            new Object[] {empty})) {
      Result result =
          Cli.run(
              concatenated(new Object[] {"register-neurons", "-m", PLAIN, "-o", neurons}, wrong));
      assertThat(result.exit()).isEqualTo(1);
      assertThat(result.err()).hasLineCount(1);
      assertThat(neurons).doesNotExist();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"trained", "2", "0", "zero"})
  void trainedRegistersAreUsedAsTheOptionSays(String how) {
    Registers registers =
        switch (how) {
          case "trained" -> Registers.asTrained();
          case "zero" -> new Registers.Zeroed();
          default -> new Registers.First(Integer.parseInt(how));
        };
    try (Fovea model = Fovea.open(TINY, Options.DEFAULT.withRegisters(registers))) {
      assertThat(embedded(TINY, "--registers", how))
          .containsExactly(model.embed(Image.read(first)));
    }
  }

  /** What the command says of the first image. */
  private float[] embedded(String model, Object... options) {
    Result result = Cli.run(concatenated(new Object[] {"embed", "-m", model, first}, options));
    assertThat(result.exit()).as(result.err()).isZero();
    JsonNode values = JsonMapper.shared().readTree(result.out()).get("embedding");
    float[] embedding = new float[values.size()];
    for (int i = 0; i < embedding.length; i++) {
      embedding[i] = values.get(i).floatValue();
    }
    return embedding;
  }

  @Test
  void optionsThatCannotBeAreRefused() {
    assertThat(Cli.run("embed", "-m", TINY, "--registers", "none", first).exit()).isEqualTo(2);
    assertThat(Cli.run("embed", "-m", TINY, "--registers", "5", first).err())
        .contains("the model has 4");
    Result both =
        Cli.run("embed", "-m", TINY, "--registers", "2", "--test-time-register", neurons, first);
    assertThat(both.exit()).isEqualTo(2);
  }

  @Test
  void ablationsAreATableAndJson() {
    Result table = Cli.run("ablate-registers", "-m", TINY, first, second);
    assertThat(table.exit()).as(table.err()).isZero();
    assertThat(table.out()).contains("drop", "first 3", "zero", "mean", "shuffle").hasLineCount(9);
    JsonNode ablations =
        JsonMapper.shared()
            .readTree(Cli.run("ablate-registers", "-m", TINY, first, second, "--json").out())
            .get("ablations");
    assertThat(ablations.size()).isEqualTo(7);
    assertThat(ablations.get(0).get("name").asString()).isEqualTo("drop");
    assertThat(ablations.get(0).get("cls").asDouble()).isBetween(-1.0, 0.999999);
    assertThat(Cli.run("ablate-registers", "-m", PLAIN, first).err()).contains("0 registers");
    Result changed = Cli.run("ablate-registers", "-m", TINY, "--registers", "zero", first);
    assertThat(changed.exit()).isEqualTo(2);
    assertThat(changed.err()).contains("--registers and --test-time-register have no part");
  }

  @Test
  void whatIsBakedIntoAnArtifactIsShownAndRun() {
    Path source = folder.resolve("source.safetensors");
    CheckpointCommandsTest.write(source, PLAIN);
    find(PLAIN, "--top-k", 3);
    Path artifact = folder.resolve("artifact.safetensors");
    Result converted = Cli.run("convert", source, "-o", artifact, "--test-time-register", neurons);
    assertThat(converted.exit()).as(converted.err()).isZero();
    assertThat(converted.out()).contains("test-time register of 3 neurons");
    assertThat(Cli.run("verify", artifact, source).out())
        .contains("not of the source: test-time register of 3 neurons", ": verified, ");
    assertThat(Cli.run("inspect", artifact).out()).contains("test-time register of 3 neurons");
    String baked = Cli.run("embed", "-m", artifact, first).out();
    assertThat(baked)
        .isEqualTo(Cli.run("embed", "-m", source, "--test-time-register", neurons, first).out());
    assertThat(Cli.run("embed", "-m", artifact, "--registers", "trained", first).out())
        .isEqualTo(Cli.run("embed", "-m", source, first).out())
        .isNotEqualTo(baked);
  }
}
