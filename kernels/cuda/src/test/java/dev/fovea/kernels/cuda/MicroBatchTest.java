package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MicroBatchTest {

  private static final int MANY = 64 * 261;

  private static GpuFacts gpu(int processors, long cacheBytes) {
    return new GpuFacts("GPU", 90, processors, 227 * 1024, 140L << 30, 13000, cacheBytes);
  }

  /** 132 processors have 33 x 4 tiles of 128 x 96: 16 images, whose 23 MB are less than 25. */
  @Test
  void narrowNetworksStayInTheCache() {
    assertThat(MicroBatch.tokens(gpu(132, 50L << 20), 384)).isEqualTo(33 * 128);
    assertThat(MicroBatch.tokens(gpu(132, 100L << 20), 384)).isEqualTo(2 * 33 * 128);
    assertThat(MicroBatch.tokens(gpu(132, 1L << 40), 384)).isEqualTo(MANY);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 768, 1024, 1536})
  void othersRunManyImagesAtOnce(int width) {
    assertThat(MicroBatch.tokens(gpu(132, 50L << 20), width)).isEqualTo(MANY);
  }

  /** A batch that leaves processors idle would cost more than memory does. */
  @Test
  void aSmallCacheChangesNothing() {
    assertThat(MicroBatch.tokens(gpu(132, 6L << 20), 384)).isEqualTo(MANY);
    assertThat(MicroBatch.tokens(gpu(132, 0), 384)).isEqualTo(MANY);
    assertThat(MicroBatch.tokens(gpu(2, 50L << 20), 384)).isEqualTo(MANY);
  }

  /** A device knows the width from the patch projection, which is packed first. */
  @Test
  void aDeviceTakesTheWidthOfItsNetwork() {
    GpuFacts facts = gpu(132, 50L << 20);
    try (CudaDevice device =
        new CudaDevice(() -> new InterpretedDriver(facts), Precision.F16, Multiplier.PTX)) {
      assertThat(device.batchTokens()).isEqualTo(MANY);
      int patch = 2;
      device.pack(new PatchEmbedWeights(new float[384 * 3 * patch * patch], new float[384], patch));
      assertThat(device.batchTokens()).isEqualTo(33 * 128);
    }
  }
}
