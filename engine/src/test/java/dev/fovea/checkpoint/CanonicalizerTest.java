package dev.fovea.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.PositionPolicy;
import dev.fovea.VitConfig;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CanonicalizerTest {

  private static final Published.Model SMALL = new Published.Model(384, 12, 1536, false, 37, 4);
  private static final Published.Model BASE = new Published.Model(768, 12, 3072, false, 37, 4);
  private static final Published.Model LARGE = new Published.Model(1024, 24, 4096, false, 37, 4);
  private static final Published.Model GIANT = new Published.Model(1536, 40, 4096, true, 37, 4);

  /** Tensors in the file and parameters without the mask token, with 4 registers. */
  static Stream<Arguments> publishedModels() {
    return Stream.of(
        Arguments.of(SMALL, Published.Style.ORIGINAL, 176, 22_058_112L),
        Arguments.of(SMALL, Published.Style.TIMM, 175, 22_058_112L),
        Arguments.of(SMALL, Published.Style.HUGGING_FACE, 224, 22_058_112L),
        Arguments.of(BASE, Published.Style.ORIGINAL, 176, 86_583_552L),
        Arguments.of(BASE, Published.Style.TIMM, 175, 86_583_552L),
        Arguments.of(BASE, Published.Style.HUGGING_FACE, 224, 86_583_552L),
        Arguments.of(LARGE, Published.Style.ORIGINAL, 344, 304_372_736L),
        Arguments.of(LARGE, Published.Style.TIMM, 343, 304_372_736L),
        Arguments.of(LARGE, Published.Style.HUGGING_FACE, 440, 304_372_736L),
        Arguments.of(GIANT, Published.Style.ORIGINAL, 568, 1_136_486_912L),
        Arguments.of(GIANT, Published.Style.TIMM, 567, 1_136_486_912L),
        Arguments.of(GIANT, Published.Style.HUGGING_FACE, 728, 1_136_486_912L));
  }

  @ParameterizedTest
  @MethodSource("publishedModels")
  void publishedSizesAreRecognised(
      Published.Model model, Published.Style style, int tensors, long parameters) {
    for (int registers : new int[] {4, 0}) {
      FakeCheckpoint checkpoint =
          new FakeCheckpoint(new Published(model.withRegisters(registers), style));
      int expectedTensors = registers == 4 ? tensors : tensors - 1;
      assertThat(checkpoint.tensors()).hasSize(expectedTensors);
      try (VitWeights weights = VitWeights.of(checkpoint, null, null, null)) {
        VitConfig config = weights.config();
        assertThat(config.width()).isEqualTo(model.width());
        assertThat(config.depth()).isEqualTo(model.depth());
        assertThat(config.heads()).isEqualTo(model.width() / 64);
        assertThat(config.hidden()).isEqualTo(model.hidden());
        assertThat(config.mlp() == VitConfig.Mlp.SWIGLU).isEqualTo(model.swiglu());
        assertThat(config.patch()).isEqualTo(14);
        assertThat(config.grid()).isEqualTo(37);
        assertThat(config.registers()).isEqualTo(registers);
        long found =
            weights.tensors().values().stream().mapToLong(TensorInfo::elements).sum()
                + model.width(); // the table counts the mask token
        assertThat(found).isEqualTo(parameters - (registers == 4 ? 0 : 4L * model.width()));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dinov2.",
        "dinov2_with_registers.",
        "backbone.",
        "module.",
        "teacher.backbone.",
        "module.teacher.backbone."
      })
  void prefixesAreSeenThrough(String prefix) {
    for (Published.Style style : Published.Style.values()) {
      Published published = new Published(Published.Model.TINY, style);
      FakeCheckpoint checkpoint = new FakeCheckpoint(published).withPrefix(prefix);
      checkpoint.put("classifier.weight", 1000L, 256L).put("linear_head.bias", 1000L);
      checkpoint.put(prefix + "head.weight", 10L, 128L);
      Canonicalizer.Result result = Canonicalizer.run(checkpoint, false, Set.of());
      assertThat(result.naming().prefix()).isEqualTo(prefix);
      assertThat(result.tensors()).hasSize(35);
      assertThat(result.ignored()).contains("classifier.weight", prefix + "head.weight");
    }
  }

  @Test
  void registerTensorOfNoRowsMeansNoRegistersButTheirCode() {
    FakeCheckpoint checkpoint =
        fake(Published.Style.HUGGING_FACE).put("embeddings.register_tokens", 1L, 0L, 128L);
    try (VitWeights weights = VitWeights.of(checkpoint, null, null, null)) {
      assertThat(weights.config().registers()).isZero();
      assertThat(weights.config().positionPolicy()).isEqualTo(PositionPolicy.SIZE_ANTIALIAS);
      assertThat(weights.tensors()).doesNotContainKey("register_tokens");
    }
  }

  @Test
  void missingTensorIsNamedWithItsShape() {
    assertRefused(
            fake(Published.Style.HUGGING_FACE)
                .remove("encoder.layer.1.attention.attention.key.weight"))
        .hasMessageContaining("encoder.layer.1.attention.attention.key.weight")
        .hasMessageContaining("blocks.1.attn.qkv.weight")
        .hasMessageContaining("missing")
        .hasMessageContaining("[128, 128]");
  }

  @Test
  void misshapenTensorIsNamedWithBothShapes() {
    assertRefused(fake(Published.Style.ORIGINAL).put("blocks.0.mlp.fc2.weight", 128L, 511L))
        .hasMessageContaining("blocks.0.mlp.fc2.weight")
        .hasMessageContaining("[128, 512]")
        .hasMessageContaining("[128, 511]");
  }

  @Test
  void tensorOfIntegersIsRefused() {
    FakeCheckpoint checkpoint = fake(Published.Style.ORIGINAL);
    TensorInfo bias = checkpoint.tensors().get("norm.bias");
    checkpoint.tensors().put("norm.bias", new TensorInfo("norm.bias", "I64", bias.shape()));
    assertRefused(checkpoint).hasMessageContaining("norm.bias").hasMessageContaining("I64");
  }

  @ParameterizedTest
  @CsvSource({
    "blocks.0.attn.q_norm.weight, QK-norm",
    "fc_norm.weight, after pooling",
    "storage_tokens, DINOv3",
    "teacher.dino_head.mlp.weight, training checkpoint",
    "patch_embed.norm.weight, unknown",
    "head, unknown",
    "xmask_token, unknown",
    "blocks.9999999.norm1.weight, unknown"
  })
  void unknownTensorIsNamed(String name, String hint) {
    assertRefused(fake(Published.Style.ORIGINAL).put(name, 128L))
        .hasMessageContaining("\"" + name + "\"")
        .hasMessageContaining("unknown")
        .hasMessageContaining(hint);
  }

  @Test
  void modelWithoutLayerScaleIsRefused() {
    assertRefused(fake(Published.Style.TIMM).remove("blocks.0.ls1.gamma"))
        .hasMessageContaining("blocks.0.ls1.gamma")
        .hasMessageContaining("LayerScale");
  }

  @Test
  void absentBlockIsRefused() {
    FakeCheckpoint checkpoint = fake(Published.Style.ORIGINAL);
    checkpoint.tensors().keySet().removeIf(name -> name.startsWith("blocks.0."));
    assertRefused(checkpoint).hasMessageContaining("without gaps");
    checkpoint.tensors().keySet().removeIf(name -> name.startsWith("blocks."));
    assertRefused(checkpoint).hasMessageContaining("blocks.0.");
  }

  @Test
  void blockInTwoChunksIsRefused() {
    assertRefused(fake(Published.Style.ORIGINAL_IN_CHUNKS).put("blocks.1.0.norm1.weight", 128L))
        .hasMessageContaining("blocks.1.0.norm1.weight");
  }

  @Test
  void gridMustBeSquare() {
    assertRefused(fake(Published.Style.ORIGINAL).put("pos_embed", 1L, 25L, 128L))
        .hasMessageContaining("square")
        .hasMessageContaining("25 rows");
    assertRefused(fake(Published.Style.TIMM).put("pos_embed", 1L, 29L, 128L))
        .hasMessageContaining("29 rows");
    assertRefused(fake(Published.Style.ORIGINAL).put("pos_embed", 1L, 1L, 128L))
        .hasMessageContaining("square");
  }

  @Test
  void sizesMustBePositiveAndOfTheRightRank() {
    assertRefused(fake(Published.Style.ORIGINAL).put("cls_token", 1L, 128L))
        .hasMessageContaining("cls_token")
        .hasMessageContaining("[1, 128]");
    assertRefused(fake(Published.Style.ORIGINAL).put("cls_token", 1L, 1L, 0L))
        .hasMessageContaining("[1, 1, 0]");
    assertRefused(fake(Published.Style.ORIGINAL).put("cls_token", 1L, 1L, 1L << 40))
        .hasMessageContaining("cls_token");
  }

  @Test
  void manyProblemsAreCounted() {
    FakeCheckpoint checkpoint = fake(Published.Style.ORIGINAL);
    checkpoint.tensors().keySet().removeIf(name -> name.endsWith(".bias"));
    assertRefused(checkpoint).hasMessageContaining("and 9 problems more");
  }

  @Test
  void somethingElseAltogetherIsRefused() {
    assertRefused(new FakeCheckpoint(new TreeMap<>(), Map.of()).put("weight", 3L))
        .hasMessageContaining("\"weight\"");
    assertRefused(fake(Published.Style.ORIGINAL).put("module.cls_token", 1L, 1L, 128L))
        .hasMessageContaining("one model");
  }

  @Test
  void widthThatIsNotHeadsOf64NeedsTheirNumber() {
    Published.Model model = new Published.Model(96, 1, 384, false, 5, 0);
    FakeCheckpoint checkpoint = new FakeCheckpoint(new Published(model, Published.Style.ORIGINAL));
    assertRefused(checkpoint).hasMessageContaining("num_attention_heads");
    String json = "{\"num_attention_heads\": 3}";
    assertThat(VitWeights.of(checkpoint, json, null, null).config().heads()).isEqualTo(3);
  }

  private static FakeCheckpoint fake(Published.Style style) {
    int registers = style == Published.Style.HUGGING_FACE ? 0 : 4;
    return new FakeCheckpoint(new Published(Published.Model.TINY.withRegisters(registers), style));
  }

  private static AbstractThrowableAssert<?, ? extends Throwable> assertRefused(
      Checkpoint checkpoint) {
    return assertThatThrownBy(() -> VitWeights.of(checkpoint, null, null, null))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("fake");
  }
}
