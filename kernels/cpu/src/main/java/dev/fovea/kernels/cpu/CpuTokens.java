package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Tokens;

/** An activation matrix as one array, image after image, row after row. */
public final class CpuTokens implements Tokens {

  private final CpuRecorder owner;
  private final int images;
  private final int rows;
  private final int width;
  private final float[] data;

  CpuTokens(CpuRecorder owner, int images, int rows, int width) {
    this.owner = owner;
    this.images = images;
    this.rows = rows;
    this.width = width;
    data = new float[Sizes.elements("an activation matrix", images, rows, width)];
  }

  CpuRecorder owner() {
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

  /** The elements, [images, rows, width] row-major; not a copy. */
  public float[] data() {
    return data;
  }

  /** Index of the first element of a row. */
  public int offset(int image, int row) {
    return (image * rows + row) * width;
  }

  @Override
  public String toString() {
    return "[" + images + ", " + rows + ", " + width + "]";
  }
}
