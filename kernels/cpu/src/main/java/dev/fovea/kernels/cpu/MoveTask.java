package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Move;

/**
 * {@link dev.fovea.kernels.Recorder#moveToRow}: one piece an image, the same for all CPU kernels,
 * because a few columns cost nothing beside the products around them.
 */
record MoveTask(CpuTokens x, int[] columns, int row, Move move) implements Task {

  @Override
  public int count() {
    return x.images();
  }

  @Override
  public void run(int image, int slot) {
    switch (move) {
      case EACH_MAXIMUM -> {
        for (int column : columns) {
          float maximum = maximum(image, column);
          clear(image, column, 0);
          x.data()[x.offset(image, row, column)] = maximum;
        }
      }
      case LARGEST_MAGNITUDE -> {
        float largest = farthestFromZero(image);
        for (int column : columns) {
          clear(image, column, 1);
          x.data()[x.offset(image, row, column)] = largest;
        }
      }
    }
  }

  private float maximum(int image, int column) {
    float maximum = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < x.rows(); i++) {
      maximum = Math.max(maximum, x.data()[x.offset(image, i, column)]);
    }
    return maximum;
  }

  private float farthestFromZero(int image) {
    float farthest = 0;
    for (int i = 0; i < x.rows(); i++) {
      for (int column : columns) {
        float element = x.data()[x.offset(image, i, column)];
        if (Math.abs(element) > Math.abs(farthest)) {
          farthest = element;
        }
      }
    }
    return farthest;
  }

  private void clear(int image, int column, int firstRow) {
    for (int i = firstRow; i < x.rows(); i++) {
      x.data()[x.offset(image, i, column)] = 0;
    }
  }
}
