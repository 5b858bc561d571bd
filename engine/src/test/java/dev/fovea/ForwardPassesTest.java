package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.ForwardPasses.Pass;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.WeightStorage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Forward passes without a session, beside those of one. */
class ForwardPassesTest {

  private static final String MODEL = "synthetic:tiny-reg4";
  private static final int PIXELS = 28;

  private static Device cpu() {
    return Placement.installed().stream()
        .filter(provider -> provider.name().equals("cpu"))
        .findFirst()
        .orElseThrow()
        .open(new DeviceOptions("auto", 1, WeightStorage.F32));
  }

  private static ForwardPasses passes(Device device) {
    try (VitWeights weights = VitWeights.of(new SyntheticCheckpoint(MODEL), null, null, null)) {
      return new ForwardPasses(weights, device);
    }
  }

  @Test
  void theyGiveTheFeaturesOfASession() {
    byte[] bytes = new byte[3 * PIXELS * PIXELS];
    new Random(1).nextBytes(bytes);
    Preprocessing plain = Preprocessing.DINOV2.withSize(0, 0, 0);
    float[] expected;
    try (Fovea fovea = Fovea.open(MODEL, Options.DEFAULT.withPreprocessing(plain))) {
      expected = fovea.embed(Image.rgb(PIXELS, PIXELS, bytes));
    }
    try (Device device = cpu()) {
      Pass pass = passes(device).record(2, PIXELS, PIXELS, FeatureRequest.of(Feature.CLS));
      MemorySegment.copy(
          bytes, 0, pass.pixels(), ValueLayout.JAVA_BYTE, bytes.length, bytes.length);
      try (Plan plan = pass.plan()) {
        plan.run();
        assertThat(pass.features(1).get(Feature.CLS)).isEqualTo(expected);
        assertThat(pass.features(0).get(Feature.CLS)).isNotEqualTo(expected);
      }
    }
  }

  /** 512 tokens on a CPU, and never more than 64 images. */
  @Test
  void imagesShareAPlanAsInASession() {
    try (Device device = cpu()) {
      ForwardPasses passes = passes(device);
      assertThat(device.batchTokens()).isEqualTo(512);
      assertThat(passes.imagesOfAPlan(224, 224)).isEqualTo(1);
      assertThat(passes.imagesOfAPlan(28, 28)).isEqualTo(512 / 9);
      assertThat(passes.imagesOfAPlan(14, 14)).isEqualTo(64);
    }
  }
}
