package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.interpreter.InterpretedDriver;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What the device asks a driver for, whoever multiplies. */
final class LaunchedKernels {

  private LaunchedKernels() {}

  /** Names of kernels, and the most bytes of shared memory that they are launched with. */
  static Map<String, Integer> of(Precision precision) {
    Map<String, Integer> asked = new TreeMap<>();
    try (CudaDriver driver = new InterpretedDriver(InterpretedGpu.HOPPER)) {
      Object spy =
          Proxy.newProxyInstance(
              LaunchedKernels.class.getClassLoader(),
              new Class<?>[] {CudaDriver.class},
              (proxy, method, arguments) -> {
                if (method.getName().equals("function")) {
                  asked.merge((String) arguments[1], (Integer) arguments[2], Math::max);
                }
                return method.invoke(driver, arguments);
              });
      CudaDriver spied = (CudaDriver) spy;
      for (Multiplier multiplier : List.of(Multiplier.PTX, Multiplier.AUTO)) {
        GpuKernels kernels = new GpuKernels(spied, precision, multiplier);
        if (kernels.products().needTrial()) {
          throw new IllegalStateException(multiplier + " takes a library's products");
        }
      }
      NaiveProducts library = new NaiveProducts(driver, precision, false);
      try (LibraryProducts products = new LibraryProducts(spied, precision, library)) {
        if (!products.needTrial()) {
          throw new IllegalStateException("a library's products were expected to need a trial");
        }
      }
    }
    return asked;
  }
}
