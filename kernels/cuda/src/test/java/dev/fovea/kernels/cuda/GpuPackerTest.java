package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import org.junit.jupiter.api.Test;

class GpuPackerTest {

  @Test
  void aWeightThatSixteenBitsCannotHoldIsRefused() {
    float[] weight = new float[6];
    weight[5] = 70_000;
    LinearAddWeights weights = new LinearAddWeights(weight, new float[] {0, 0}, new float[] {1, 1});
    assertThatThrownBy(() -> InterpretedGpu.with(Precision.F16).packer().pack(weights))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "a linear layer's weight has 70000.0 at row 1, column 2, which is too large for F16; "
                + "use storage BF16, or the CPU");
    GpuPacked.LinearAdd packed = InterpretedGpu.with(Precision.BF16).packer().pack(weights);
    assertThat(packed.matrix().inputs()).isEqualTo(3);
    assertThat(packed.matrix().stride()).isEqualTo(64);
    assertThat(packed.matrix().paddedRows()).isEqualTo(128);
    assertThat(packed.bytes()).isEqualTo(128 * 64 * 2 + 2 * 128 * 4);
  }

  @Test
  void theProductWithTheLayerNormCounts() {
    NormLinearWeights weights =
        new NormLinearWeights(
            new NormWeights(new float[] {1, 1000}, new float[] {0, 0}, 1e-6f),
            new float[] {1, 100},
            new float[] {0},
            Activation.NONE);
    assertThatThrownBy(() -> InterpretedGpu.with(Precision.F16).packer().pack(weights))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("100000.0 at row 0, column 1");
  }
}
