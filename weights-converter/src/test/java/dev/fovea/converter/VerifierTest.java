package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.PositionPolicy;
import dev.fovea.ProgressListener;
import dev.fovea.checkpoint.DType;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.converter.Published.Form;
import dev.fovea.converter.Verification.Mismatch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VerifierTest {

  private static final Path REG4 = Published.fixture("tiny-reg4_pretrain.pth");
  private static final Path GOLDEN = Published.fixture("tiny-reg4-golden-42x42.safetensors");

  @TempDir private Path folder;
  private Path artifact;

  @BeforeEach
  void nameTheArtifact() {
    artifact = folder.resolve("artifact.safetensors");
  }

  private void convert(Path source, ConvertOptions options) {
    Converter.convert(source, artifact, options, ProgressListener.NONE);
  }

  private Verification verify(Path source, Path golden) {
    return Verifier.verify(artifact, source, golden, ProgressListener.NONE);
  }

  @ParameterizedTest
  @EnumSource(names = "F64", mode = EnumSource.Mode.EXCLUDE)
  void aFreshArtifactPasses(DType dtype) {
    convert(REG4, ConvertOptions.DEFAULT.withDtype(dtype));
    Verification verification = verify(REG4, null);
    assertThat(verification.passed()).isTrue();
    assertThat(verification.tensors()).isEqualTo(35);
    assertThat(verification.elements()).isEqualTo(Inspector.inspect(artifact).parameters());
  }

  @ParameterizedTest
  @EnumSource(Form.class)
  void anArtifactOfEachFormPasses(Form form) {
    Path source = Published.write(Published.load(REG4), form, folder.resolve("source"));
    convert(source, ConvertOptions.DEFAULT);
    assertThat(verify(source, null).passed()).isTrue();
  }

  @Test
  void aChosenPositionPolicyPasses() {
    convert(REG4, ConvertOptions.DEFAULT.withPositionPolicy(PositionPolicy.SIZE));
    assertThat(verify(REG4, null).passed()).isTrue();
  }

  @Test
  void aChangedNumberIsFoundInItsPlace() throws IOException {
    convert(REG4, ConvertOptions.DEFAULT);
    byte[] bytes = Files.readAllBytes(artifact);
    int header = bytes.length - Published.data(artifact).length;
    // Float32 tensors are written in the order of their names.
    bytes[header + 2] ^= 0x40;
    bytes[header + 4 * 9 + 3] ^= (byte) 0x80;
    Files.write(artifact, bytes);
    Verification verification = verify(REG4, null);
    assertThat(verification.passed()).isFalse();
    assertThat(verification.problems()).isEmpty();
    float[] expected = Published.values(Published.load(REG4), "blocks.0.attn.proj.bias");
    Mismatch mismatch = verification.mismatches().getFirst();
    assertThat(mismatch.tensor()).isEqualTo("blocks.0.attn.proj.bias");
    assertThat(mismatch.firstIndex()).isZero();
    assertThat(mismatch.differences()).isEqualTo(2);
    assertThat(mismatch.expected()).isEqualTo(expected[0]);
    assertThat(mismatch.actual()).isNotEqualTo(expected[0]);
  }

  @Test
  void anotherSourceIsFoundByItsChecksumAndItsNumbers() {
    convert(REG4, ConvertOptions.DEFAULT);
    Map<TensorInfo, float[]> other = Published.load(REG4);
    Published.values(other, "norm.bias")[127] += 1;
    Verification verification = verify(Published.write(other, Form.PTH, folder), null);
    assertThat(verification.mismatches()).hasSize(1);
    assertThat(verification.mismatches().getFirst().firstIndex()).isEqualTo(127);
    assertThat(verification.problems()).singleElement().asString().contains("SHA-256");
  }

  @Test
  void anotherArchitectureIsFound() {
    convert(REG4, ConvertOptions.DEFAULT);
    Verification verification = verify(Published.fixture("tiny-swiglu-reg4_pretrain.pth"), null);
    assertThat(verification.passed()).isFalse();
    assertThat(verification.problems())
        .anySatisfy(problem -> assertThat(problem).contains("SWIGLU"))
        .anySatisfy(problem -> assertThat(problem).contains("only the artifact has"))
        .anySatisfy(problem -> assertThat(problem).contains("only the source has"));
  }

  @Test
  void weightsThatAreNoArtifactAreRefused() {
    assertThatThrownBy(() -> Verifier.verify(REG4, REG4, null, ProgressListener.NONE))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("is not an artifact");
  }

  @Test
  void theArtifactComputesWhatTheReferenceDoes() {
    convert(REG4, ConvertOptions.DEFAULT);
    Verification verification = verify(REG4, GOLDEN);
    assertThat(verification.deviations())
        .hasSize(5)
        .allSatisfy(deviation -> assertThat(deviation.relativeError()).isLessThan(5e-6));
    assertThat(verification.passed()).isTrue();
  }

  @Test
  void aWrongPositionPolicyDeviatesFromTheReference() {
    convert(REG4, ConvertOptions.DEFAULT.withPositionPolicy(PositionPolicy.SIZE));
    Verification verification = verify(REG4, GOLDEN);
    assertThat(verification.mismatches()).isEmpty();
    assertThat(verification.problems()).isEmpty();
    assertThat(verification.passed()).isFalse();
  }

  @Test
  void aFileThatIsNoGoldenIsRefused() throws IOException {
    convert(REG4, ConvertOptions.DEFAULT);
    assertThatThrownBy(() -> verify(REG4, artifact))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("no golden file");
    byte[] golden = Files.readAllBytes(GOLDEN);
    Path damaged = folder.resolve("damaged.safetensors");
    Files.write(damaged, Arrays.copyOf(golden, golden.length - 1));
    assertThatThrownBy(() -> verify(REG4, damaged)).isInstanceOf(CheckpointException.class);
  }
}
