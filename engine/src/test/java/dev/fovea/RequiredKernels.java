package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

/** Guards against a build that means to test one kernel and silently runs another. */
final class RequiredKernels {

  private RequiredKernels() {}

  static void check(Fovea model) {
    String kernels = System.getProperty("fovea.kernels");
    String bits = System.getProperty("fovea.kernels.bits");
    if (kernels != null) {
      assertThat(model.device()).contains(kernels);
    }
    if (bits != null) {
      assertThat(model.device()).contains(bits);
    }
  }
}
