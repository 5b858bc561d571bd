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

  /** By slot: a row of x; the result. */
  private final float[][] rows;

  private final float[][] results;
  private final double[][] sums;

  PoolTask(CpuTokens x, int prefix, Pooling pooling, boolean normalize, CpuTokens y, int slots) {
    this.x = x;
    this.prefix = prefix;
    this.pooling = pooling;
    this.normalize = normalize;
    this.y = y;
    rows = new float[slots][x.width()];
    results = new float[slots][y.width()];
    sums = new double[slots][x.width()];
  }

  @Override
  public int count() {
    return x.images();
  }

  @Override
  public void run(int image, int slot) {
    float[] result = results[slot];
    switch (pooling) {
      case CLS -> x.read(image, 0, 0, x.width(), result, 0);
      case MEAN -> mean(image, slot, result, 0);
      case CLS_MEAN -> {
        x.read(image, 0, 0, x.width(), result, 0);
        mean(image, slot, result, x.width());
      }
    }
    if (normalize) {
      normalize(result);
    }
    y.write(result, 0, y.width(), image, 0, 0);
  }

  private void mean(int image, int slot, float[] result, int to) {
    double[] sum = sums[slot];
    float[] values = rows[slot];
    Arrays.fill(sum, 0);
    for (int row = prefix; row < x.rows(); row++) {
      x.read(image, row, 0, x.width(), values, 0);
      for (int column = 0; column < sum.length; column++) {
        sum[column] += values[column];
      }
    }
    int patches = x.rows() - prefix;
    for (int column = 0; column < sum.length; column++) {
      result[to + column] = (float) (sum[column] / patches);
    }
  }

  private static void normalize(float[] result) {
    double squares = 0;
    for (float value : result) {
      squares += (double) value * value;
    }
    if (squares == 0) {
      return;
    }
    double length = Math.sqrt(squares);
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) (result[i] / length);
    }
  }
}
