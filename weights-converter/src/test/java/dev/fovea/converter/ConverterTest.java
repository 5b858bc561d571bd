package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.PositionPolicy;
import dev.fovea.Preprocessing;
import dev.fovea.ProgressListener;
import dev.fovea.Registers;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.ArtifactMetadata;
import dev.fovea.checkpoint.DType;
import dev.fovea.checkpoint.Layout;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.converter.Published.Form;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ConverterTest {

  /** The tiny models, each in a .pth file of torch.save's or derived from one. */
  enum Model {
    REG4("tiny-reg4_pretrain.pth", true),
    SWIGLU_REG4("tiny-swiglu-reg4_pretrain.pth", true),
    REG0("tiny-reg4_pretrain.pth", false);

    private final String file;
    private final boolean registers;

    Model(String file, boolean registers) {
      this.file = file;
      this.registers = registers;
    }

    Map<TensorInfo, float[]> tensors() {
      Map<TensorInfo, float[]> tensors = Published.load(Published.fixture(file));
      return registers ? tensors : Published.withoutRegisters(tensors);
    }
  }

  private static final Path REG4 = Published.fixture("tiny-reg4_pretrain.pth");

  @TempDir private Path folder;

  private Conversion convert(Path source, String target) {
    return Converter.convert(
        source, folder.resolve(target), ConvertOptions.DEFAULT, ProgressListener.NONE);
  }

  @Test
  void originalFileRunsWithoutConversionAndGivesTheBitsOfItsArtifact() {
    convert(REG4, "artifact.safetensors");
    byte[] samples = new byte[3 * 300 * 200];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (byte) (i * 31 / 7);
    }
    Image image = Image.rgb(300, 200, samples);
    try (Fovea original = Fovea.open(() -> WeightFiles.open(REG4), Options.DEFAULT);
        Fovea artifact = Fovea.open(folder.resolve("artifact.safetensors"), Options.DEFAULT)) {
      assertThat(original.embed(image)).containsExactly(artifact.embed(image));
    }
  }

  @ParameterizedTest
  @EnumSource(Model.class)
  void everyLayoutGivesTheSameBits(Model model) {
    Map<TensorInfo, float[]> original = model.tensors();
    byte[] expected = null;
    for (Form form : Form.values()) {
      Path source = Published.write(original, form, folder.resolve(form.name()));
      convert(source, form + ".out");
      byte[] data = Published.data(folder.resolve(form + ".out"));
      if (expected == null) {
        expected = data;
      }
      if (form == Form.TIMM && model.registers) {
        // CLS came with its position added; the rest must agree.
        assertThat(data).hasSize(expected.length).isNotEqualTo(expected);
        assertThatTimmIsFolded(folder.resolve(form + ".out"), original);
      } else {
        assertThat(data).as("%s", form).isEqualTo(expected);
      }
    }
  }

  private static void assertThatTimmIsFolded(Path artifact, Map<TensorInfo, float[]> original) {
    Map<TensorInfo, float[]> expected = new LinkedHashMap<>(original);
    try (VitWeights weights = WeightFiles.open(artifact)) {
      expected.forEach(
          (info, values) -> {
            switch (info.name()) {
              case "mask_token" -> assertThat(weights.tensors()).doesNotContainKey(info.name());
              case "cls_token" ->
                  assertThat(weights.read(info.name())).isEqualTo(Published.foldedClass(original));
              case "pos_embed" -> {
                float[] zeroed = values.clone();
                Arrays.fill(zeroed, 0, 128, 0f);
                assertThat(weights.read(info.name())).isEqualTo(zeroed);
              }
              default -> assertThat(weights.read(info.name())).isEqualTo(values);
            }
          });
    }
  }

  @Test
  void aFileOfTorchSaveKeepsItsBits() {
    convert(REG4, "out.safetensors");
    try (VitWeights weights = WeightFiles.open(folder.resolve("out.safetensors"))) {
      Published.load(REG4)
          .forEach(
              (info, values) -> {
                if (!info.name().equals("mask_token")) {
                  assertThat(weights.read(info.name())).isEqualTo(values);
                }
              });
    }
  }

  @ParameterizedTest
  @EnumSource(Form.class)
  void thePolicyFollowsTheOriginUnlessItIsChosen(Form form) {
    Path source = Published.write(Model.REG0.tensors(), form, folder.resolve("source"));
    PositionPolicy expected =
        switch (form) {
          case PTH, PTH_WRAPPED, ORIGINAL_SAFETENSORS -> PositionPolicy.OFFSET;
          case TIMM -> PositionPolicy.SIZE_ANTIALIAS;
          case HUGGING_FACE, HUGGING_FACE_2026, HUGGING_FACE_SHARDED -> PositionPolicy.SIZE;
        };
    convert(source, "origin");
    assertThat(policy("origin")).isEqualTo(expected);
    for (PositionPolicy chosen : PositionPolicy.values()) {
      Converter.convert(
          source,
          folder.resolve("chosen"),
          ConvertOptions.DEFAULT.withPositionPolicy(chosen),
          ProgressListener.NONE);
      assertThat(policy("chosen")).isEqualTo(chosen);
    }
  }

  private PositionPolicy policy(String artifact) {
    try (VitWeights weights = WeightFiles.open(folder.resolve(artifact))) {
      return weights.config().positionPolicy();
    }
  }

  @Test
  void theArtifactSaysWhatItIsAndWhereItIsFrom() throws Exception {
    Conversion conversion = convert(REG4, "out.safetensors");
    String sha256 =
        HexFormat.of()
            .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(REG4)));
    VitConfig config =
        new VitConfig(
            128, 2, 2, 512, VitConfig.Mlp.GELU, 14, 5, 4, 1e-6f, PositionPolicy.SIZE_ANTIALIAS);
    assertThat(conversion)
        .isEqualTo(
            new Conversion(
                config,
                Preprocessing.DINOV2,
                Registers.asTrained(),
                Layout.ORIGINAL,
                35,
                conversion.parameters(),
                Files.size(folder.resolve("out.safetensors")),
                sha256,
                List.of("mask_token")));
    assertThat(conversion.bytes()).isBetween(4 * conversion.parameters(), 2_000_000L);
    try (VitWeights weights = WeightFiles.open(folder.resolve("out.safetensors"))) {
      assertThat(ArtifactMetadata.from(weights.checkpoint().metadata()))
          .contains(
              new ArtifactMetadata(config, Preprocessing.DINOV2, "tiny-reg4_pretrain.pth", sha256));
    }
  }

  @Test
  void theChecksumOfShardsIsThatOfAllInTheOrderOfTheirNames() throws Exception {
    Path source =
        Published.write(Model.REG4.tensors(), Form.HUGGING_FACE_SHARDED, folder.resolve("hf"));
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int i = 1; i <= 3; i++) {
      all.writeBytes(
          Files.readAllBytes(source.resolve("model-0000" + i + "-of-00003.safetensors")));
    }
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(all.toByteArray());
    assertThat(convert(source, "out").sourceSha256()).isEqualTo(HexFormat.of().formatHex(digest));
    assertThat(
            WeightFiles.sha256(
                source.resolve("model.safetensors.index.json"), ProgressListener.NONE))
        .isEqualTo(HexFormat.of().formatHex(digest));
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void halfPrecisionIsHalfAsLargeAndRounded(DType dtype) {
    Path target = folder.resolve("half.safetensors");
    Conversion conversion =
        Converter.convert(
            REG4, target, ConvertOptions.DEFAULT.withDtype(dtype), ProgressListener.NONE);
    assertThat(conversion.bytes()).isBetween(2 * conversion.parameters(), 970_000L);
    float[] exact = Published.values(Published.load(REG4), "blocks.0.mlp.fc1.weight");
    try (VitWeights weights = WeightFiles.open(target)) {
      assertThat(weights.tensors().values()).allMatch(info -> info.dtype().equals(dtype.name()));
      float[] rounded = weights.read("blocks.0.mlp.fc1.weight");
      assertThat(rounded).isNotEqualTo(exact);
      for (int i = 0; i < exact.length; i++) {
        assertThat(rounded[i]).isEqualTo(rounded(exact[i], dtype));
      }
    }
  }

  private static float rounded(float value, DType dtype) {
    if (dtype == DType.F16) {
      return Float.float16ToFloat(Float.floatToFloat16(value));
    }
    int bits = Float.floatToRawIntBits(value);
    int low = bits & 0xFFFF;
    int high = bits >>> 16;
    boolean up = low > 0x8000 || (low == 0x8000 && (high & 1) == 1);
    return Float.intBitsToFloat((up ? high + 1 : high) << 16);
  }

  @Test
  void convertingAnArtifactChangesNothing() {
    convert(REG4, "first");
    convert(folder.resolve("first"), "second");
    assertThat(Published.data(folder.resolve("second")))
        .isEqualTo(Published.data(folder.resolve("first")));
  }

  @Test
  void theSourceIsNotOverwritten() throws IOException {
    Path source = Files.copy(REG4, folder.resolve("model.pth"));
    byte[] before = Files.readAllBytes(source);
    assertThatThrownBy(() -> convert(source, "model.pth"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("is the source itself");
    Files.createSymbolicLink(folder.resolve("link"), source);
    assertThatThrownBy(() -> convert(source, "link")).isInstanceOf(IllegalArgumentException.class);
    assertThat(source).hasBinaryContent(before);
    Path hf = Published.write(Model.REG4.tensors(), Form.HUGGING_FACE, folder.resolve("hf"));
    assertThatThrownBy(() -> convert(hf, "hf/model.safetensors"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aBadSourceLeavesTheTargetAlone() throws IOException {
    Path target = Files.writeString(folder.resolve("out.safetensors"), "precious");
    Path source = folder.resolve("bad.pth");
    byte[] bytes = Files.readAllBytes(REG4);
    Files.write(source, Arrays.copyOf(bytes, bytes.length / 2));
    assertThatThrownBy(() -> convert(source, "out.safetensors"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("cut off");
    assertThat(target).hasContent("precious");
    assertThatThrownBy(() -> convert(folder.resolve("absent"), "out.safetensors"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("absent");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactlyInAnyOrder(source, target);
    }
  }

  @Test
  void valuesTooLargeForHalfPrecisionAreAnError() throws IOException {
    Map<TensorInfo, float[]> tensors = Model.REG4.tensors();
    Published.values(tensors, "norm.weight")[5] = 70_000;
    Path source = Published.write(tensors, Form.PTH, folder);
    Path target = folder.resolve("out");
    assertThatThrownBy(
            () ->
                Converter.convert(
                    source,
                    target,
                    ConvertOptions.DEFAULT.withDtype(DType.F16),
                    ProgressListener.NONE))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("norm.weight");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(source);
    }
  }

  @Test
  void progressGoesUpToTheEnd() {
    List<String> finished = new ArrayList<>();
    Map<String, Long> last = new LinkedHashMap<>();
    Converter.convert(
        REG4,
        folder.resolve("out"),
        ConvertOptions.DEFAULT,
        (task, done, total) -> {
          assertThat(done).isBetween(last.getOrDefault(task, 0L), total);
          last.put(task, done);
          if (done == total) {
            finished.add(task);
          }
        });
    assertThat(finished.stream().distinct())
        .containsExactly("hashing tiny-reg4_pretrain.pth", "writing out");
  }

  @Test
  void artifactsAreNotFloat64() {
    assertThatThrownBy(() -> ConvertOptions.DEFAULT.withDtype(DType.F64))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
