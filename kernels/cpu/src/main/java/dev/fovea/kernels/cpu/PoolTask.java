package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Pooling;
import java.util.Arrays;

/**
 * One embedding an image, summed in float64 in the order of the rows; the same for all CPU kernels,
 * because its cost does not show.
 */
final class PoolTask implements Task {

  private final CpuTokens x;
  private final int prefix;
  private final Pooling pooling;
  private final boolean normalize;
  private final CpuTokens y;
  private final double[][] sums;

  PoolTask(CpuTokens x, int prefix, Pooling pooling, boolean normalize, CpuTokens y, int slots) {
    this.x = x;
    this.prefix = prefix;
    this.pooling = pooling;
    this.normalize = normalize;
    this.y = y;
    sums = new double[slots][pooling == Pooling.CLS ? 0 : x.width()];
  }

  @Override
  public int count() {
    return x.images();
  }

  @Override
  public void run(int image, int slot) {
    int to = y.offset(image, 0);
    switch (pooling) {
      case CLS -> copyCls(image, to);
      case MEAN -> mean(image, sums[slot], to);
      case CLS_MEAN -> {
        copyCls(image, to);
        mean(image, sums[slot], to + x.width());
      }
    }
    if (normalize) {
      normalize(to);
    }
  }

  private void copyCls(int image, int to) {
    System.arraycopy(x.data(), x.offset(image, 0), y.data(), to, x.width());
  }

  private void mean(int image, double[] sum, int to) {
    Arrays.fill(sum, 0);
    for (int row = prefix; row < x.rows(); row++) {
      int from = x.offset(image, row);
      for (int column = 0; column < sum.length; column++) {
        sum[column] += x.data()[from + column];
      }
    }
    int patches = x.rows() - prefix;
    for (int column = 0; column < sum.length; column++) {
      y.data()[to + column] = (float) (sum[column] / patches);
    }
  }

  private void normalize(int from) {
    float[] data = y.data();
    double squares = 0;
    for (int column = 0; column < y.width(); column++) {
      squares += (double) data[from + column] * data[from + column];
    }
    if (squares == 0) {
      return;
    }
    double length = Math.sqrt(squares);
    for (int column = 0; column < y.width(); column++) {
      data[from + column] = (float) (data[from + column] / length);
    }
  }
}
