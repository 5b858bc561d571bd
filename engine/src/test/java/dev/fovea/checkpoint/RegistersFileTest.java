package dev.fovea.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.AttentionBias;
import dev.fovea.CheckpointException;
import dev.fovea.Fingerprint;
import dev.fovea.RegisterNeuron;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import dev.fovea.TestTimeRegister.Form;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of test-time registers and attention biases. */
class RegistersFileTest {

  private static final List<RegisterNeuron> NEURONS =
      List.of(new RegisterNeuron(1, 37, 5.999), new RegisterNeuron(0, 2, 1e-30));

  private static final Fingerprint MODEL =
      new Fingerprint(128, 2, 512, List.of(1.1f, 0.1f, -3e-8f));

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(Form.class)
  void aTestTimeRegisterIsReadAsItWasWritten(Form form) {
    Path file = folder.resolve("neurons.json");
    for (Fingerprint model : new Fingerprint[] {MODEL, null}) {
      TestTimeRegister register = new TestTimeRegister(NEURONS, form, model);
      register.write(file);
      assertThat(Registers.read(file)).isEqualTo(register);
    }
  }

  @Test
  void anAttentionBiasIsReadAsItWasWritten() {
    Path file = folder.resolve("bias.safetensors");
    AttentionBias bias =
        new AttentionBias(
            NEURONS,
            new float[][] {{1, 2, 3}, {4, 5, 6}},
            new float[][] {{-1, 0, 1}, {7, 8, 9}},
            MODEL);
    bias.write(file);
    AttentionBias read = (AttentionBias) Registers.read(file);
    assertThat(read.neurons()).isEqualTo(NEURONS);
    assertThat(read.model()).isEqualTo(MODEL);
    assertThat(read.blocks()).isEqualTo(2);
    for (int block = 0; block < 2; block++) {
      assertThat(read.key(block)).containsExactly(bias.key(block));
      assertThat(read.value(block)).containsExactly(bias.value(block));
    }
  }

  @Test
  void aListTypedFromAPaperNeedsNeitherScoresNorAModel() throws IOException {
    Path file =
        json(
            """
            {"format": "fovea.registers", "version": 1, "kind": "test-time-register",
             "form": "repo", "neurons": [{"block": 17, "neuron": 884}, {"block": 12, "neuron": 3168}]}
            """);
    assertThat(Registers.read(file))
        .isEqualTo(
            new TestTimeRegister(
                List.of(new RegisterNeuron(17, 884), new RegisterNeuron(12, 3168)),
                Form.REPO,
                null));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"fovea.registers\" | \"fovea.artifact\" | format",
        "1, | 2, | version 1",
        "\"paper\" | \"book\" | paper or repo",
        "\"test-time-register\" | \"register\" | test-time-register or attention-bias",
        "\"test-time-register\" | \"attention-bias\" | attention_bias.keys",
        "37 | -1 | \"neuron\"",
        "37 | 3e9 | \"neuron\"",
        "37 | \"a\" | \"neuron\"",
        "\"score\":5.5 | \"score\":-1 | score",
        "\"block\":1 | \"blok\":1 | \"block\" is missing",
        "[{ | [{\"block\":1,\"neuron\":37},{ | twice",
        "\"neurons\" | \"neuron\" | \"neurons\" is missing",
        "\"width\" | \"with\" | \"width\" is missing",
        "[1.5] | [\"a\"] | numbers for \"norm_weight\"",
        "[1.5] | [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1] | at most 16",
        "}]} | }]}} | ",
        "}]} | }] | "
      })
  void whatIsNotRightIsNamed(String right, String wrong, String reason) throws IOException {
    String valid =
        """
        {"format":"fovea.registers","version":1,"kind":"test-time-register",\
        "model":{"width":128,"depth":2,"hidden":512,"norm_weight":[1.5]},\
        "form":"paper","neurons":[{"block":1,"neuron":37,"score":5.5}]}\
        """;
    Registers.read(json(valid));
    Path file = json(valid.replace(right, wrong));
    assertThatThrownBy(() -> Registers.read(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(reason == null ? "" : reason);
  }

  @Test
  void noNeuronsAreNoRegister() throws IOException {
    Path file =
        json(
            """
            {"format": "fovea.registers", "version": 1, "kind": "test-time-register",
             "form": "paper", "neurons": []}
            """);
    assertThatThrownBy(() -> Registers.read(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("at least one register neuron");
  }

  @Test
  void otherFilesAreRefused() throws IOException {
    Path other = folder.resolve("other.safetensors");
    SafetensorsWriter.write(other, Map.of(new TensorInfo("x", "F32", List.of(1L)), new float[1]));
    assertThatThrownBy(() -> Registers.read(other))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("holds no attention bias");
    assertThatThrownBy(() -> Registers.read(folder.resolve("missing.json")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("missing.json");
    assertThatThrownBy(() -> Registers.read(json("[]")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("JSON object");
  }

  /** A failure prints the seed that reproduces it. */
  @Test
  void damagedFilesAreReadOrRefused() throws IOException {
    Path file = folder.resolve("neurons.json");
    new TestTimeRegister(NEURONS, Form.PAPER, MODEL).write(file);
    byte[] valid = Files.readAllBytes(file);
    int read = 0;
    for (long seed = 1; seed <= 10_000; seed++) {
      Files.write(file, new Mutator(seed).json(valid));
      try {
        assertThat(Registers.read(file)).as("seed %d", seed).isNotNull();
        read++;
      } catch (CheckpointException e) {
        assertThat(e).as("seed %d", seed).hasMessageContaining("neurons.json");
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
    assertThat(read).isBetween(1, 9_999);
  }

  @ParameterizedTest
  @ValueSource(strings = {"neurons.json", "bias.safetensors"})
  void whatCannotBeWrittenLeavesNothing(String name) throws IOException {
    Path directory = Files.createDirectory(folder.resolve(name));
    assertThatThrownBy(() -> new TestTimeRegister(NEURONS, Form.PAPER, null).write(directory))
        .isInstanceOf(CheckpointException.class);
    assertThatThrownBy(
            () ->
                new AttentionBias(NEURONS, new float[1][1], new float[1][1], null).write(directory))
        .isInstanceOf(CheckpointException.class);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(directory);
    }
  }

  private Path json(String text) throws IOException {
    return Files.write(folder.resolve("registers.json"), text.getBytes(UTF_8));
  }
}
