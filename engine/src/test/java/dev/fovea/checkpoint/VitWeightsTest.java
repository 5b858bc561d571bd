package dev.fovea.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.PositionPolicy;
import dev.fovea.Preprocessing;
import dev.fovea.ProgressListener;
import dev.fovea.VitConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class VitWeightsTest {

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "tiny-reg4/hf, HUGGING_FACE, SIZE_ANTIALIAS",
    "tiny-reg4/hf-sharded, HUGGING_FACE, SIZE_ANTIALIAS",
    "tiny-reg4/timm.safetensors, TIMM, SIZE_ANTIALIAS",
    "tiny-reg0/hf, HUGGING_FACE, SIZE",
    "tiny-reg0/timm.safetensors, TIMM, SIZE_ANTIALIAS",
    "tiny-swiglu-reg4/hf, HUGGING_FACE, SIZE_ANTIALIAS",
    "tiny-swiglu-reg4/timm.safetensors, TIMM, SIZE_ANTIALIAS"
  })
  void publishedFilesGiveTheCanonicalBits(String name, Layout layout, PositionPolicy policy) {
    boolean swiglu = name.contains("swiglu");
    int registers = name.contains("reg0") ? 0 : 4;
    Published.Model model =
        (swiglu ? Published.Model.TINY_SWIGLU : Published.Model.TINY).withRegisters(registers);
    try (VitWeights weights = VitWeights.open(Fixtures.path(name))) {
      assertThat(weights.layout()).isEqualTo(layout);
      assertThat(weights.config())
          .isEqualTo(
              new VitConfig(
                  128,
                  2,
                  2,
                  swiglu ? 344 : 512,
                  swiglu ? VitConfig.Mlp.SWIGLU : VitConfig.Mlp.GELU,
                  14,
                  5,
                  registers,
                  1e-6f,
                  policy));
      assertThat(weights.ignored())
          .isEqualTo(layout == Layout.TIMM ? List.of() : List.of("embeddings.mask_token"));
      assertCanonical(weights, model, layout == Layout.TIMM && registers > 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void everySpellingGivesTheCanonicalBits(Published.Style style) {
    for (Published.Model model : List.of(Published.Model.TINY, Published.Model.TINY_SWIGLU)) {
      Path file = write(new Published(model, style), "F32", Map.of());
      try (VitWeights weights = VitWeights.open(file)) {
        assertCanonical(weights, model, style == Published.Style.TIMM);
      }
    }
  }

  /** timm's fold cannot be undone in value, only in form: the sum stays, the position is zero. */
  private static void assertCanonical(VitWeights weights, Published.Model model, boolean folded) {
    Published original = new Published(model, Published.Style.ORIGINAL);
    Map<String, List<Long>> shapes = Published.canonicalShapes(model);
    shapes.remove("mask_token");
    assertThat(weights.tensors().keySet()).containsExactlyInAnyOrderElementsOf(shapes.keySet());
    shapes.forEach(
        (name, shape) -> {
          float[] expected = original.synthetic(name);
          float[] position = original.synthetic("pos_embed");
          for (int i = 0; folded && i < model.width(); i++) {
            if (name.equals("cls_token")) {
              expected[i] += position[i];
            } else if (name.equals("pos_embed")) {
              expected[i] = 0;
            }
          }
          assertThat(weights.tensors().get(name).shape()).as(name).isEqualTo(shape);
          assertThat(weights.read(name)).as(name).isEqualTo(expected);
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"F16", "BF16"})
  void halfPrecisionFilesGiveTheRoundedValuesExactly(String dtype) {
    Published published = new Published(Published.Model.TINY, Published.Style.ORIGINAL);
    String file = "tiny-reg4/hf-" + dtype.toLowerCase(Locale.ROOT) + ".safetensors";
    try (VitWeights weights = VitWeights.open(Fixtures.path(file))) {
      weights
          .tensors()
          .forEach(
              (name, info) -> {
                assertThat(info.dtype()).isEqualTo(dtype);
                float[] expected = published.synthetic(name);
                for (int i = 0; i < expected.length; i++) {
                  expected[i] = round(expected[i], dtype);
                }
                assertThat(weights.read(name)).as(name).isEqualTo(expected);
              });
    }
  }

  private static float round(float value, String dtype) {
    byte[] bytes = Fixtures.encode(new float[] {value}, dtype);
    int bits = (bytes[0] & 0xFF) | bytes[1] << 8;
    return dtype.equals("F16")
        ? Float.float16ToFloat((short) bits)
        : Float.intBitsToFloat(bits << 16);
  }

  @Test
  void runsOfElementsAcrossPartsAreTheWhole() {
    try (VitWeights weights = VitWeights.open(Fixtures.path("tiny-reg4/hf"))) {
      float[] whole = weights.read("blocks.1.attn.qkv.bias");
      float[] run = new float[300];
      weights.read("blocks.1.attn.qkv.bias", 100, run, 10, 200);
      for (int i = 0; i < run.length; i++) {
        assertThat(run[i]).isEqualTo(i < 10 || i >= 210 ? 0f : whole[100 + i - 10]);
      }
    }
  }

  @Test
  void readingWhatIsNotThereIsACallersMistake() {
    try (VitWeights weights = VitWeights.open(Fixtures.path("tiny-reg4/timm.safetensors"))) {
      assertThatThrownBy(() -> weights.read("mask_token"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("mask_token");
      assertThatThrownBy(() -> weights.read("norm.bias", 1, new float[128], 0, 128))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> weights.read("norm.bias", 0, new float[127], 0, 128))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void readingAfterCloseIsRefused() {
    VitWeights weights = VitWeights.open(Fixtures.path("tiny-reg4/hf-sharded"));
    weights.close();
    weights.close();
    assertThatThrownBy(() -> weights.read("norm.bias"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void preprocessingIsThatOfThePublisher() {
    try (VitWeights huggingFace = VitWeights.open(Fixtures.path("tiny-reg4/hf"));
        VitWeights single = VitWeights.open(Fixtures.path("tiny-reg4/hf-f16.safetensors"));
        VitWeights timm = VitWeights.open(Fixtures.path("tiny-reg4/timm.safetensors"))) {
      Preprocessing rounded =
          Preprocessing.DINOV2.withRounding(Preprocessing.Rounding.HUGGING_FACE);
      assertThat(huggingFace.preprocessing()).isEqualTo(rounded);
      assertThat(single.preprocessing()).isEqualTo(rounded);
      assertThat(timm.preprocessing()).isEqualTo(Preprocessing.DINOV2.withSize(70, 70, 70));
    }
  }

  @Test
  void policyOfRegisterFreeModelsFollowsTheOrigin() {
    Published.Model model = Published.Model.TINY.withRegisters(0);
    assertThat(policy(model, Published.Style.ORIGINAL)).isEqualTo(PositionPolicy.OFFSET);
    assertThat(policy(model, Published.Style.TIMM)).isEqualTo(PositionPolicy.SIZE_ANTIALIAS);
    assertThat(policy(model, Published.Style.HUGGING_FACE)).isEqualTo(PositionPolicy.SIZE);
  }

  private static PositionPolicy policy(Published.Model model, Published.Style style) {
    return VitWeights.of(new FakeCheckpoint(new Published(model, style)), null, null, null)
        .config()
        .positionPolicy();
  }

  @Test
  void overrideOfThePolicyWins() {
    FakeCheckpoint checkpoint =
        new FakeCheckpoint(new Published(Published.Model.TINY, Published.Style.TIMM));
    try (VitWeights weights = VitWeights.of(checkpoint, null, null, PositionPolicy.OFFSET)) {
      assertThat(weights.config().positionPolicy()).isEqualTo(PositionPolicy.OFFSET);
    }
  }

  @Test
  void artifactSaysWhatItIs() {
    VitConfig config =
        new VitConfig(128, 2, 4, 512, VitConfig.Mlp.GELU, 14, 5, 0, 1e-5f, PositionPolicy.SIZE);
    Preprocessing preprocessing =
        Preprocessing.DINOV2
            .withSize(100, 98, 84)
            .withRounding(Preprocessing.Rounding.HUGGING_FACE);
    ArtifactMetadata metadata = new ArtifactMetadata(config, preprocessing, "origin", "abc");
    Path file = write(artifact(), "F32", metadata.toMap());
    try (VitWeights weights = VitWeights.open(file)) {
      assertThat(weights.layout()).isEqualTo(Layout.ORIGINAL);
      assertThat(weights.config()).isEqualTo(config);
      assertThat(weights.preprocessing()).isEqualTo(preprocessing);
    }
  }

  @Test
  void artifactWhoseTensorsAreOthersIsRefused() {
    VitConfig config =
        new VitConfig(128, 3, 2, 512, VitConfig.Mlp.GELU, 14, 5, 0, 1e-6f, PositionPolicy.SIZE);
    ArtifactMetadata metadata = new ArtifactMetadata(config, Preprocessing.DINOV2, "origin", "abc");
    Path file = write(artifact(), "F32", metadata.toMap());
    assertThatThrownBy(() -> VitWeights.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("depth=3")
        .hasMessageContaining("depth=2");
  }

  /** No registers and no mask token, which without the metadata would be timm's. */
  private static Published artifact() {
    return new Published(Published.Model.TINY.withRegisters(0), Published.Style.TIMM);
  }

  @Test
  void configurationOfAnotherModelIsRefused() throws IOException {
    Path directory = Files.createDirectory(folder.resolve("model"));
    Files.copy(
        Fixtures.path("tiny-reg4/hf").resolve("model.safetensors"),
        directory.resolve("model.safetensors"));
    Files.writeString(directory.resolve("config.json"), "{\"hidden_size\": 384}");
    assertThatThrownBy(() -> VitWeights.open(directory))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("384")
        .hasMessageContaining("128");
  }

  private Path write(Published published, String dtype, Map<String, String> metadata) {
    Path file = folder.resolve(published.style() + "-" + published.model().hidden());
    Map<String, float[]> values = new LinkedHashMap<>();
    List<TensorInfo> infos = new ArrayList<>();
    published
        .tensors()
        .forEach(
            (name, tensor) -> {
              values.put(name, published.values(tensor));
              infos.add(new TensorInfo(name, dtype, tensor.shape()));
            });
    SafetensorsWriter.write(
        file,
        infos,
        metadata,
        (name, first, target, offset, count) ->
            System.arraycopy(values.get(name), (int) first, target, offset, count),
        ProgressListener.NONE);
    return file;
  }
}
