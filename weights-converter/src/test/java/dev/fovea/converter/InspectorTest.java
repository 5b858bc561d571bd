package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.PositionPolicy;
import dev.fovea.ProgressListener;
import dev.fovea.VitConfig;
import dev.fovea.VitConfig.Mlp;
import dev.fovea.checkpoint.Layout;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.converter.Published.Form;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InspectorTest {

  private static final Path REG4 = Published.fixture("tiny-reg4_pretrain.pth");

  @ParameterizedTest
  @CsvSource({
    "384, 12, GELU, 14, 4, ViT-S/14 with 4 registers",
    "768, 12, GELU, 14, 0, ViT-B/14 without registers",
    "1024, 24, GELU, 16, 1, ViT-L/16 with 1 register",
    "1536, 40, SWIGLU, 14, 4, ViT-g/14 with 4 registers",
    "1536, 40, GELU, 14, 4, 'ViT-g/14 with 4 registers, GELU'",
    "768, 12, SWIGLU, 14, 4, 'ViT-B/14 with 4 registers, SwiGLU'",
    "384, 11, GELU, 14, 4, ViT-384x11/14 with 4 registers",
  })
  void architecturesHaveTheNamesOfTheField(
      int width, int depth, Mlp mlp, int patch, int registers, String name) {
    VitConfig config =
        new VitConfig(width, depth, 6, 1, mlp, patch, 37, registers, 1e-6f, PositionPolicy.SIZE);
    assertThat(Inspector.architecture(config)).isEqualTo(name);
  }

  @Test
  void aPthFileIsDescribedWithItsOwnTensors() {
    Inspection inspection = Inspector.inspect(REG4);
    assertThat(inspection.architecture()).isEqualTo("ViT-128x2/14 with 4 registers");
    assertThat(inspection.layout()).isEqualTo(Layout.ORIGINAL);
    assertThat(inspection.config().positionPolicy()).isEqualTo(PositionPolicy.SIZE_ANTIALIAS);
    assertThat(inspection.source()).isEqualTo(REG4.toString());
    assertThat(inspection.tensors())
        .hasSize(36)
        .contains(new TensorInfo("mask_token", "F32", List.of(1L, 128L)));
    assertThat(inspection.ignored()).containsExactly("mask_token");
    long parameters = inspection.tensors().stream().mapToLong(tensor -> tensor.elements()).sum();
    assertThat(inspection.parameters()).isEqualTo(parameters);
    assertThat(inspection.bytes()).isEqualTo(4 * parameters);
    assertThat(inspection.metadata()).isEmpty();
  }

  @Test
  void otherLayoutsAreDescribedAsTheyAre(@TempDir Path folder) {
    Path hf = Published.write(Published.load(REG4), Form.HUGGING_FACE, folder.resolve("hf"));
    Inspection inspection = Inspector.inspect(hf);
    assertThat(inspection.layout()).isEqualTo(Layout.HUGGING_FACE);
    assertThat(inspection.tensors())
        .contains(
            new TensorInfo(
                "encoder.layer.1.attention.attention.query.weight", "F32", List.of(128L, 128L)));
  }

  @Test
  void anArtifactSaysWhereItCameFrom(@TempDir Path folder) {
    Path artifact = folder.resolve("out.safetensors");
    Converter.convert(REG4, artifact, ConvertOptions.DEFAULT, ProgressListener.NONE);
    Inspection inspection = Inspector.inspect(artifact);
    assertThat(inspection.metadata()).containsEntry("fovea.source", "tiny-reg4_pretrain.pth");
    assertThat(inspection.tensors()).hasSize(35);
    assertThat(inspection.ignored()).isEmpty();
  }
}
