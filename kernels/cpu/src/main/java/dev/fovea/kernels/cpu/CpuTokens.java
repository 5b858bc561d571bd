package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Sizes;
import dev.fovea.kernels.Tokens;

/** An activation matrix as one array, image after image, in the {@link TokenLayout} of a kernel. */
public final class CpuTokens implements Tokens {

  private final CpuRecorder owner;
  private final int images;
  private final int rows;
  private final int width;
  private final TokenLayout layout;

  /** Elements from a row of tiles to the next. */
  private final int tileRowSize;

  private final int imageSize;
  private final float[] data;

  CpuTokens(CpuRecorder owner, int images, int rows, int width, TokenLayout layout) {
    this.owner = owner;
    this.images = images;
    this.rows = rows;
    this.width = width;
    this.layout = layout;
    String what = "an activation matrix";
    Sizes.elements(what, images, rows, width);
    int tilesAcross = Math.ceilDiv(width, layout.columns());
    int tilesDown = Math.ceilDiv(rows, layout.rows());
    tileRowSize = Sizes.elements(what, tilesAcross, layout.rows(), layout.columns());
    imageSize = Sizes.elements(what, tilesDown, tileRowSize);
    data = new float[Sizes.elements(what, images, imageSize)];
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

  /** The elements as the layout has them; not a copy. */
  public float[] data() {
    return data;
  }

  /** Index of the first element of a row. */
  public int offset(int image, int row) {
    return image * imageSize
        + row / layout.rows() * tileRowSize
        + row % layout.rows() * layout.columns();
  }

  /** Index of an element. */
  public int offset(int image, int row, int column) {
    return offset(image, row)
        + column / layout.columns() * layout.size()
        + column % layout.columns();
  }

  /** Copies {@code count} elements of a row to an array. */
  void read(int image, int row, int column, int count, float[] to, int toOffset) {
    for (int i = 0; i < count; ) {
      int run = run(column + i, count - i);
      System.arraycopy(data, offset(image, row, column + i), to, toOffset + i, run);
      i += run;
    }
  }

  /** Copies {@code count} elements of an array to a row. */
  public void write(float[] from, int fromOffset, int count, int image, int row, int column) {
    for (int i = 0; i < count; ) {
      int run = run(column + i, count - i);
      System.arraycopy(from, fromOffset + i, data, offset(image, row, column + i), run);
      i += run;
    }
  }

  /** How many of so many elements lie together from a column on. */
  private int run(int column, int count) {
    return Math.min(count, layout.columns() - column % layout.columns());
  }

  @Override
  public String toString() {
    return "[" + images + ", " + rows + ", " + width + "]";
  }
}
