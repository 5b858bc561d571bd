package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThatCode;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The GPU that the tests of kernels share. */
class InterpretedGpuTest {

  @Test
  @Timeout(value = 2, unit = TimeUnit.MINUTES)
  void whatAnotherTestAsksForMeanwhileDoesNotChangeTheTile() throws InterruptedException {
    Precision precision = Precision.BF16;
    InterpretedGpu gpu = InterpretedGpu.with(precision);
    Tile asked = ProductKernels.NORM_LINEAR.get(0);
    Tile meanwhile = ProductKernels.LINEAR_ADD.get(0);
    Thread other = new Thread(() -> gpu.run(meanwhile, scene -> {}));
    GpuPacked.NormLinear weights =
        gpu.packer().pack(new NormLinearKernelTest.Layer(64, 64, Activation.NONE, 1).weights());
    InterpretedGpu.Body body =
        scene -> {
          GpuTokens from = scene.residual(1, 2, 64, new float[2 * 64]);
          GpuTokens to = scene.zeros(1, 2, 64, Form.HALF);
          other.start();
          while (other.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
          }
          scene.run(
              plan -> {
                Rows rows = new Rows(0, 2);
                scene.kernels().normLinear(plan, from, rows, weights, new Columns(0, 64), to);
              });
        };
    // Another product's tile is none that this one has a kernel for.
    assertThatCode(() -> gpu.run(asked, body)).doesNotThrowAnyException();
    other.join();
  }
}
