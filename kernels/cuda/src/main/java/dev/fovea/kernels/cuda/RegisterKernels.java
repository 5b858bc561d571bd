package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.PlanBuilder.Kernel;
import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaDriver;

/** Launches what test-time registers need. Used on the CUDA thread only. */
final class RegisterKernels {

  private static final int THREADS = 128;

  private final Precision precision;
  private final Kernel maximumFull;
  private final Kernel maximumHalf;
  private final Kernel farthestFull;
  private final Kernel farthestHalf;
  private final Kernel writeFull;
  private final Kernel writeHalf;

  RegisterKernels(CudaDriver driver, Precision precision) {
    this.precision = precision;
    KernelModule module = new KernelModule(driver, precision, "registers");
    maximumFull = module.kernel("move_maximum_full", THREADS, 0);
    maximumHalf = module.kernel("move_maximum_half", THREADS, 0);
    farthestFull = module.kernel("move_farthest_full", THREADS, 0);
    farthestHalf = module.kernel("move_farthest_half", THREADS, 0);
    writeFull = module.kernel("write_full", THREADS, 0);
    writeHalf = module.kernel("write_half", THREADS, 0);
  }

  /**
   * Takes what some columns hold away from all rows but one.
   *
   * @param form of x that is changed, {@link Form#FULL} or {@link Form#HALF}
   */
  void moveToRow(PlanBuilder plan, GpuTokens x, Form form, int[] columns, int row, Move move) {
    boolean full = form == Form.FULL;
    Arguments arguments =
        plan.arguments()
            .address(full ? x.full() : x.half())
            .address(plan.memory().upload(columns))
            .number(columns.length)
            .number(x.rows())
            .number(x.stride())
            .number(row);
    switch (move) {
      case EACH_MAXIMUM ->
          plan.launch(full ? maximumFull : maximumHalf, columns.length, x.images(), 1, arguments);
      case LARGEST_MAGNITUDE ->
          plan.launch(full ? farthestFull : farthestHalf, 1, x.images(), 1, arguments);
    }
  }

  /**
   * Gives a part of a matrix the same elements in every image.
   *
   * @param form of the matrix that is changed, {@link Form#FULL} or {@link Form#HALF}
   */
  void write(
      PlanBuilder plan, float[] elements, Rows rows, Columns columns, GpuTokens tokens, Form form) {
    boolean full = form == Form.FULL;
    Arguments arguments =
        plan.arguments()
            .address(
                full
                    ? plan.memory().upload(elements)
                    : plan.memory().upload(precision.round(elements)))
            .address(full ? tokens.full() : tokens.half())
            .number(columns.count())
            .number(tokens.rows())
            .number(tokens.stride())
            .number(rows.first())
            .number(columns.first());
    plan.launch(full ? writeFull : writeHalf, rows.count(), tokens.images(), 1, arguments);
  }
}
