package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.junit.jupiter.api.Test;

/** On which GPUs the kernels for compute capability 9.0 run. */
class HopperChoiceTest {

  @Test
  void theyAreTakenWhereTheyCanRun() {
    assertThat(description(InterpretedGpu.HOPPER, "auto")).contains("own products for Hopper");
    assertThat(description(InterpretedGpu.HOPPER, "ptx")).doesNotContain("Hopper");
    assertThat(description(InterpretedDriver.SMALL, "auto")).doesNotContain("Hopper");
  }

  private static String description(GpuFacts facts, String kernels) {
    Multiplier multiplier = Multiplier.named(kernels);
    try (CudaDevice device =
        new CudaDevice(() -> new InterpretedDriver(facts), Precision.F16, multiplier)) {
      return device.description();
    }
  }

  @Test
  void whoAsksForThemOnAnotherGpuIsToldWhy() {
    assertThatThrownBy(() -> description(InterpretedDriver.SMALL, "hopper"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("are for compute capability 9.0, this GPU has 8.0; use 'auto'");
  }

  /** As a driver does that is older than CUDA 12.0. */
  @Test
  void aDriverThatRefusesThemGetsThoseForAllGpus() {
    try (CudaDevice device =
        new CudaDevice(HopperChoiceTest::oldDriver, Precision.F16, Multiplier.AUTO)) {
      assertThat(device.description()).contains("own products").doesNotContain("Hopper");
    }
    assertThatThrownBy(
            () ->
                new CudaDevice(HopperChoiceTest::oldDriver, Precision.F16, Multiplier.HOPPER)
                    .close())
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("too new");
  }

  private static CudaDriver oldDriver() {
    CudaDriver driver = new InterpretedDriver(InterpretedGpu.HOPPER);
    return (CudaDriver)
        Proxy.newProxyInstance(
            HopperChoiceTest.class.getClassLoader(),
            new Class<?>[] {CudaDriver.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("loadModule")
                  && ((String) arguments[0]).contains(".version 8.0")) {
                throw new CudaException("this PTX is too new");
              }
              try {
                return method.invoke(driver, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
