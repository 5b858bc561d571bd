package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Rows;

/** Copies an array into the same part of every image: one piece an image. */
record WriteTask(float[] elements, Rows rows, Columns columns, CpuTokens tokens) implements Task {

  @Override
  public int count() {
    return tokens.images();
  }

  @Override
  public void run(int image, int slot) {
    int width = columns.count();
    for (int row = 0; row < rows.count(); row++) {
      tokens.write(elements, row * width, width, image, rows.first() + row, columns.first());
    }
  }
}
