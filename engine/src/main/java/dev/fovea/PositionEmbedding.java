package dev.fovea;

import dev.fovea.kernels.PositionTable;
import java.util.Arrays;

/**
 * The position embeddings of a model, resampled to any grid of patches.
 *
 * <p>The weights are computed in float64, which is what PyTorch's float32 recipe approximates: on
 * the published grids the two differ by 3e-8 to 3e-7 relative.
 */
final class PositionEmbedding {

  private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

  private final VitConfig config;
  private final float[] cls;
  private final float[] registers;
  private final float[] stored;

  /**
   * Takes the tokens that every image begins with, and the stored grid.
   *
   * @param cls [D]
   * @param registers [R, D]
   * @param positions [1 + grid * grid, D]: of CLS, then of the patches
   */
  PositionEmbedding(VitConfig config, float[] cls, float[] registers, float[] positions) {
    int width = config.width();
    this.config = config;
    this.stored = positions;
    this.cls = new float[width];
    for (int channel = 0; channel < width; channel++) {
      this.cls[channel] = cls[channel] + positions[channel];
    }
    this.registers = registers;
  }

  /**
   * The table for an image of {@code rows} x {@code columns} patches. The stored grid itself is
   * used as it is when both sides are its own; another rectangle of as many patches is still
   * resampled.
   *
   * @param count registers in the sequence: the trained ones as far as they go, then zeros
   * @throws IllegalArgumentException if one array cannot hold it
   */
  PositionTable table(int rows, int columns, int count) {
    int width = config.width();
    int prefix = 1 + count;
    checkSize(prefix, rows, columns);
    int patches = prefix * width;
    float[] table = new float[patches + rows * columns * width];
    System.arraycopy(cls, 0, table, 0, width);
    System.arraycopy(registers, 0, table, width, Math.min(registers.length, count * width));
    if (rows == config.grid() && columns == config.grid()) {
      System.arraycopy(stored, width, table, patches, rows * columns * width);
    } else {
      resample(rows, columns, table, patches);
    }
    return new PositionTable(prefix, width, table);
  }

  /** Both the table and the grid that is resampled along x alone must fit into an array. */
  private void checkSize(int prefix, int rows, int columns) {
    long most = Math.max(prefix + (long) rows * columns, (long) config.grid() * columns);
    if (most * config.width() > LARGEST_ARRAY) {
      throw new IllegalArgumentException(
          "an image of %d x %d patches (height x width) is too large for a model of width %d; use a smaller one"
              .formatted(rows, columns, config.width()));
    }
  }

  /** Separable: first along x, then along y; target is [rows, columns, D] from {@code offset}. */
  private void resample(int rows, int columns, float[] target, int offset) {
    int grid = config.grid();
    int width = config.width();
    Taps horizontal = Taps.of(config.positionPolicy(), grid, columns);
    Taps vertical = Taps.of(config.positionPolicy(), grid, rows);
    double[] narrowed = new double[grid * columns * width];
    for (int y = 0; y < grid; y++) {
      for (int x = 0; x < columns; x++) {
        int to = (y * columns + x) * width;
        for (int tap = 0; tap < horizontal.count(); tap++) {
          double weight = horizontal.weight(x, tap);
          int from = (1 + y * grid + horizontal.index(x, tap)) * width;
          if (weight != 0) {
            add(weight, stored, from, narrowed, to, width);
          }
        }
      }
    }
    double[] sum = new double[width];
    for (int y = 0; y < rows; y++) {
      for (int x = 0; x < columns; x++) {
        Arrays.fill(sum, 0);
        for (int tap = 0; tap < vertical.count(); tap++) {
          double weight = vertical.weight(y, tap);
          int from = (vertical.index(y, tap) * columns + x) * width;
          if (weight != 0) {
            add(weight, narrowed, from, sum, 0, width);
          }
        }
        int to = offset + (y * columns + x) * width;
        for (int channel = 0; channel < width; channel++) {
          target[to + channel] = (float) sum[channel];
        }
      }
    }
  }

  // Methods of their own, since they are run once and long, and small loops are compiled sooner.

  private static void add(
      double weight, float[] from, int fromOffset, double[] to, int toOffset, int count) {
    for (int i = 0; i < count; i++) {
      to[toOffset + i] += weight * from[fromOffset + i];
    }
  }

  private static void add(
      double weight, double[] from, int fromOffset, double[] to, int toOffset, int count) {
    for (int i = 0; i < count; i++) {
      to[toOffset + i] += weight * from[fromOffset + i];
    }
  }

  /** For every output position: which inputs it reads, and their weights. */
  private record Taps(int count, int[] indices, double[] weights) {

    static Taps of(PositionPolicy policy, int in, int out) {
      return switch (policy) {
        case SIZE_ANTIALIAS -> antialias(in, out);
        case SIZE -> plain(in, out, (double) in / out);
        // The factor (out + 0.1) / in goes in, and its reciprocal becomes the step.
        case OFFSET -> plain(in, out, 1 / ((out + 0.1) / in));
      };
    }

    /** Four taps with A = -0.75; edges are repeated, weights are not renormalised. */
    private static Taps plain(int in, int out, double step) {
      Taps taps = new Taps(4, new int[4 * out], new double[4 * out]);
      for (int i = 0; i < out; i++) {
        double center = step * (i + 0.5) - 0.5;
        int floor = (int) Math.floor(center);
        for (int tap = 0; tap < 4; tap++) {
          taps.indices[4 * i + tap] = Math.clamp(floor - 1 + tap, 0, in - 1);
          taps.weights[4 * i + tap] = cubic(floor - 1 + tap - center, -0.75);
        }
      }
      return taps;
    }

    /** Support widened by the scale, a = -0.5; taps outside are dropped, the others sum to 1. */
    private static Taps antialias(int in, int out) {
      double scale = (double) in / out;
      double stretch = Math.max(scale, 1);
      double support = 2 * stretch;
      int count = 2 * (int) Math.ceil(support) + 1;
      Taps taps = new Taps(count, new int[count * out], new double[count * out]);
      for (int i = 0; i < out; i++) {
        double center = scale * (i + 0.5);
        int low = Math.max((int) (center - support + 0.5), 0);
        int high = Math.min((int) (center + support + 0.5), in);
        double sum = 0;
        for (int j = low; j < high; j++) {
          sum += cubic((j - center + 0.5) / stretch, -0.5);
        }
        for (int j = low; j < high; j++) {
          taps.indices[count * i + j - low] = j;
          taps.weights[count * i + j - low] = cubic((j - center + 0.5) / stretch, -0.5) / sum;
        }
      }
      return taps;
    }

    /** Keys' cubic convolution kernel. */
    private static double cubic(double distance, double a) {
      double x = Math.abs(distance);
      if (x <= 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
      }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }

    int index(int output, int tap) {
      return indices[output * count + tap];
    }

    double weight(int output, int tap) {
      return weights[output * count + tap];
    }
  }
}
