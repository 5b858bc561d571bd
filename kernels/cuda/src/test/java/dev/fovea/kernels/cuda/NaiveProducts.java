package dev.fovea.kernels.cuda;

import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import dev.fovea.kernels.cuda.driver.Launch;
import dev.fovea.kernels.cuda.driver.MatrixProducts;
import java.lang.foreign.Arena;
import java.util.HashSet;
import java.util.Set;

/**
 * Stands in for a library where there is no GPU: one thread an element, see naive.cu. As libraries
 * do, it waits for the device when it meets a shape for the first time, which no recording allows.
 */
final class NaiveProducts implements MatrixProducts {

  private static final int THREADS = 128;

  private final CudaDriver driver;
  private final boolean fuses;
  private final long function;
  private final Arena arena = Arena.ofShared();
  private final Set<Shape> known = new HashSet<>();

  /**
   * Loads the kernel.
   *
   * @param fuses whether it can do what cuBLASLt can do behind a product
   */
  NaiveProducts(CudaDriver driver, Precision precision, boolean fuses) {
    this.driver = driver;
    this.fuses = fuses;
    long module = driver.loadModule(KernelModule.ptx("naive.ptx"));
    function = driver.function(module, "multiply_" + precision.suffix(), 0);
  }

  @Override
  public String description() {
    return fuses ? "one thread an element, with epilogues" : "one thread an element";
  }

  @Override
  public boolean fuses(Epilogue epilogue) {
    return fuses || epilogue == Epilogue.NONE;
  }

  @Override
  public void multiply(Shape shape, long a, long w, long bias, long c) {
    if (!fuses(shape.epilogue()) || shape.accumulate()) {
      throw new IllegalArgumentException("not done here: " + shape);
    }
    if (known.add(shape)) {
      driver.synchronize();
    }
    Arguments arguments =
        new Arguments(arena)
            .address(a)
            .address(w)
            .address(bias)
            .address(c)
            .number(shape.columns())
            .number(shape.inner())
            .number(shape.strideA())
            .number(shape.strideW())
            .number(shape.strideC())
            .number(shape.result() == ElementType.F32 ? 0 : 1)
            .number(shape.epilogue() == Epilogue.BIAS_GELU ? 1 : 0);
    driver.launch(
        new Launch(
            "multiply",
            function,
            Math.ceilDiv(shape.columns(), THREADS),
            shape.rows(),
            1,
            THREADS,
            0,
            arguments.segment()));
  }

  @Override
  public void close() {
    arena.close();
  }
}
