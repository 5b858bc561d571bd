package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;

/** Copies a part of a matrix into an array: one piece an image. */
record ReadTask(CpuTokens tokens, Rows rows, Columns columns, float[] result) implements Task {

  @Override
  public int count() {
    return tokens.images();
  }

  @Override
  public void run(int image, int slot) {
    int width = columns.count();
    for (int row = 0; row < rows.count(); row++) {
      int to = (image * rows.count() + row) * width;
      tokens.read(image, rows.first() + row, columns.first(), width, result, to);
    }
  }
}
