package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Tokens;

/**
 * A matrix on the GPU, row-major, image after image, in up to two forms: float32, and the 16 bits
 * that tensor cores read. The forms that a plan uses are allocated when it is built; until then
 * their addresses are 0.
 *
 * <p>What lies behind the last column up to {@link #stride} is 0 and stays 0.
 */
final class GpuTokens implements Tokens {

  /** Columns of a row are rounded up to so many: whole steps of a matrix product. */
  static final int STRIDE_UNIT = 64;

  /** Columns that one pair of statistics is about. */
  static final int STATISTICS_COLUMNS = 32;

  /** How a verb wants or leaves a matrix. */
  enum Form {
    /** float32. */
    FULL,
    /** 16 bits. */
    HALF,
    /** Both, and the statistics of every row: a residual stream. */
    RESIDUAL
  }

  private final CudaRecorder owner;
  private final int images;
  private final int rows;
  private final int width;
  private boolean fullCurrent;
  private boolean halfCurrent;
  private boolean statisticsCurrent;
  private boolean fullNeeded;
  private boolean halfNeeded;
  private boolean statisticsNeeded;
  private long full;
  private long half;
  private long statistics;

  GpuTokens(CudaRecorder owner, int images, int rows, int width) {
    this.owner = owner;
    this.images = images;
    this.rows = rows;
    this.width = width;
  }

  CudaRecorder owner() {
    return owner;
  }

  @Override
  public int images() {
    return images;
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int width() {
    return width;
  }

  /** Elements from one row to the next, in either form. */
  int stride() {
    return Math.ceilDiv(width, STRIDE_UNIT) * STRIDE_UNIT;
  }

  /** Pairs of statistics of one row. */
  int groups() {
    return stride() / STATISTICS_COLUMNS;
  }

  /** Address of the float32 form, [images, rows, stride]. */
  long full() {
    return full;
  }

  /** Address of the 16-bit form, [images, rows, stride]. */
  long half() {
    return half;
  }

  /**
   * Address of [images, rows, groups, 2] floats: of every 32 columns of a row the sum, and the sum
   * of squared differences from their mean.
   */
  long statistics() {
    return statistics;
  }

  /** True if what was written last is there in this form. */
  boolean has(Form form) {
    return switch (form) {
      case FULL -> fullCurrent;
      case HALF -> halfCurrent;
      case RESIDUAL -> fullCurrent && halfCurrent && statisticsCurrent;
    };
  }

  /** A verb leaves the matrix in this form; others are out of date. */
  void written(Form form) {
    fullCurrent = form != Form.HALF;
    halfCurrent = form != Form.FULL;
    statisticsCurrent = form == Form.RESIDUAL;
    need();
  }

  /** A step has added a form to those that are there. */
  void completed(Form form) {
    fullCurrent |= form != Form.HALF;
    halfCurrent |= form != Form.FULL;
    statisticsCurrent |= form == Form.RESIDUAL;
    need();
  }

  private void need() {
    fullNeeded |= fullCurrent;
    halfNeeded |= halfCurrent;
    statisticsNeeded |= statisticsCurrent;
  }

  /** Allocates the forms that the recording has used, all zero. */
  void allocate(PlanMemory memory) {
    long elements = (long) images * rows * stride();
    full = fullNeeded ? memory.zeroed(elements * Float.BYTES) : 0;
    half = halfNeeded ? memory.zeroed(elements * Short.BYTES) : 0;
    statistics =
        statisticsNeeded ? memory.zeroed((long) images * rows * groups() * 2 * Float.BYTES) : 0;
  }
}
