package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.AttentionBias;
import dev.fovea.CheckpointException;
import dev.fovea.Fingerprint;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.ProgressListener;
import dev.fovea.RegisterNeuron;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import dev.fovea.checkpoint.DType;
import dev.fovea.checkpoint.RegistersFile;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Artifacts that bring a test-time register or an attention bias along. */
class BakedRegistersTest {

  private static final Path SOURCE = Published.fixture("tiny-reg4_pretrain.pth");
  private static final List<RegisterNeuron> NEURONS =
      List.of(new RegisterNeuron(1, 37, 6), new RegisterNeuron(0, 511, 0.25));

  @TempDir private Path folder;

  static Stream<Registers> both() {
    return Stream.of(register(null), bias());
  }

  private static TestTimeRegister register(Fingerprint model) {
    return new TestTimeRegister(NEURONS, TestTimeRegister.Form.PAPER, model);
  }

  private static AttentionBias bias() {
    float[][] keys = new float[2][128];
    float[][] values = new float[2][128];
    for (int i = 0; i < 256; i++) {
      keys[i / 128][i % 128] = i / 100f;
      values[i / 128][i % 128] = 1 - i / 77f;
    }
    return new AttentionBias(NEURONS, keys, values, null);
  }

  private Path convert(Path source, String name, ConvertOptions options) {
    Path target = folder.resolve(name);
    Converter.convert(source, target, options, ProgressListener.NONE);
    return target;
  }

  @ParameterizedTest
  @MethodSource("both")
  void anArtifactRunsWithWhatIsInIt(Registers registers) {
    Path artifact =
        convert(SOURCE, "baked.safetensors", ConvertOptions.DEFAULT.withRegisters(registers));
    assertThat(Inspector.inspect(artifact).registers().description())
        .isEqualTo(registers.description());
    float[] expected = embed(SOURCE, Options.DEFAULT.withRegisters(registers));
    float[] plain = embed(SOURCE, Options.DEFAULT);
    assertThat(embed(artifact, Options.DEFAULT)).containsExactly(expected).isNotEqualTo(plain);
    assertThat(embed(artifact, Options.DEFAULT.withRegisters(Registers.asTrained())))
        .containsExactly(plain);
  }

  private static float[] embed(Path model, Options options) {
    byte[] samples = new byte[3 * 90 * 100];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (byte) (i * 31 / 7);
    }
    try (Fovea fovea = Fovea.open(() -> WeightFiles.open(model), options)) {
      return fovea.embed(Image.rgb(90, 100, samples));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void itIsVerifiedAgainstTheSourceAndSaysWhatIsNotOfIt(Registers registers) {
    Path artifact =
        convert(SOURCE, "baked.safetensors", ConvertOptions.DEFAULT.withRegisters(registers));
    Path golden = Published.fixture("tiny-reg4-golden-42x42.safetensors");
    Verification verification = Verifier.verify(artifact, SOURCE, golden, ProgressListener.NONE);
    assertThat(verification.passed()).isTrue();
    assertThat(verification.deviations()).isNotEmpty();
    assertThat(verification.registers().description()).isEqualTo(registers.description());
  }

  @ParameterizedTest
  @MethodSource("both")
  void ofAnArtifactTheyAreComparedToo(Registers registers) throws IOException {
    Path first =
        convert(SOURCE, "baked.safetensors", ConvertOptions.DEFAULT.withRegisters(registers));
    Path again = convert(first, "again.safetensors", ConvertOptions.DEFAULT);
    Verification same = Verifier.verify(again, first, null, ProgressListener.NONE);
    assertThat(same.passed()).isTrue();
    assertThat(same.registers()).isEqualTo(Registers.asTrained());
    if (registers instanceof AttentionBias) {
      byte[] bytes = Files.readAllBytes(again);
      int header = bytes.length - Published.data(again).length;
      bytes[header + 1] ^= 1; // attention_bias.keys is the first of the names.
      Files.write(again, bytes);
      Verification damaged = Verifier.verify(again, first, null, ProgressListener.NONE);
      assertThat(damaged.passed()).isFalse();
      assertThat(damaged.mismatches())
          .extracting(Verification.Mismatch::tensor)
          .containsExactly("attention_bias.keys");
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void convertedAgainItKeepsThemUnlessTheyAreTakenOut(Registers registers) {
    Path artifact =
        convert(SOURCE, "baked.safetensors", ConvertOptions.DEFAULT.withRegisters(registers));
    Path half = convert(artifact, "half.safetensors", ConvertOptions.DEFAULT.withDtype(DType.F16));
    Path plain =
        convert(
            artifact,
            "plain.safetensors",
            ConvertOptions.DEFAULT.withRegisters(Registers.asTrained()));
    try (VitWeights weights = WeightFiles.open(half)) {
      assertThat(weights.registers().description()).isEqualTo(registers.description());
      if (weights.registers() instanceof AttentionBias kept) {
        assertThat(kept.value(1)).containsExactly(bias().value(1));
      }
    }
    try (VitWeights weights = WeightFiles.open(plain)) {
      assertThat(weights.registers()).isEqualTo(Registers.asTrained());
      assertThat(weights.checkpoint().metadata()).containsEntry("fovea.format_version", "1");
    }
    assertThat(Published.data(plain))
        .isEqualTo(Published.data(convert(SOURCE, "direct", ConvertOptions.DEFAULT)));
  }

  @Test
  void registersOfAnotherModelAreRefusedAndNothingIsWritten() {
    Fingerprint other = new Fingerprint(128, 2, 512, List.of(7f));
    for (Registers wrong :
        List.of(register(other), new Registers.First(2), new Registers.Zeroed())) {
      Path target = folder.resolve("wrong.safetensors");
      assertThatThrownBy(
              () ->
                  convert(SOURCE, "wrong.safetensors", ConvertOptions.DEFAULT.withRegisters(wrong)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(target).doesNotExist();
    }
  }

  static Stream<Map<String, String>> damages() {
    return Stream.of(
        Map.of("fovea.format_version", "1"),
        Map.of("fovea.registers", "{}"),
        Map.of("fovea.registers", ""),
        Map.of("fovea.registers", valid().replace("511", "512")),
        Map.of("fovea.registers", valid().replace("attention-bias", "test-time-register")));
  }

  private static String valid() {
    return RegistersFile.metadata(bias()).get("fovea.registers");
  }

  @ParameterizedTest
  @MethodSource("damages")
  void aDamagedArtifactDoesNotOpen(Map<String, String> damage) {
    Path artifact =
        convert(SOURCE, "baked.safetensors", ConvertOptions.DEFAULT.withRegisters(bias()));
    Path damaged = folder.resolve("damaged.safetensors");
    try (VitWeights weights = WeightFiles.open(artifact)) {
      Map<String, String> metadata = new TreeMap<>(weights.checkpoint().metadata());
      metadata.putAll(damage);
      List<TensorInfo> tensors = new ArrayList<>(weights.checkpoint().tensors().values());
      SafetensorsWriter.write(
          damaged, tensors, metadata, weights.checkpoint()::read, ProgressListener.NONE);
    }
    assertThatThrownBy(() -> WeightFiles.open(damaged))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("damaged.safetensors");
  }
}
