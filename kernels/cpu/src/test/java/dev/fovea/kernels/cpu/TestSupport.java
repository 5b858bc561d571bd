package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;
import org.junit.jupiter.api.Assumptions;

/** What tests of the vector package need from this one. */
public final class TestSupport {

  private TestSupport() {}

  /** Skips a test in the runs that are for the scalar kernels, or for wider vectors than here. */
  public static void assumeVectorKernels() {
    Assumptions.assumeTrue("vector".equals(System.getProperty(KernelLookup.PROPERTY)));
    Assumptions.assumeTrue(JavaMachine.current().obstacle().isEmpty());
  }

  /** GELU in float64. */
  public static double gelu(double x) {
    return Activations.apply(Activation.GELU, x);
  }
}
