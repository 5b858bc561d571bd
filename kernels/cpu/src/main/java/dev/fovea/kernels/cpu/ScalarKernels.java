package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.WeightStorage;
import java.util.Arrays;
import java.util.List;

/**
 * The specification of the verbs: plain loops over row-major arrays that read like the formulas.
 *
 * <p>Everything between reading a float32 activation and writing one is float64. One piece of a
 * task is one row, or one query of one head.
 */
final class ScalarKernels implements CpuKernels {

  /**
   * [bias.length, inputs] row-major, rounded as the storage says but kept as float32: these kernels
   * are for checking, not for saving memory.
   */
  private record RowMajor(float[] weight, float[] bias, int inputs) implements Linear {

    @Override
    public long bytes() {
      return (long) Float.BYTES * (weight.length + bias.length);
    }

    /** {@code a w_row + b_row}. */
    double apply(double[] a, int row) {
      return dot(a, weight, row * inputs, inputs) + bias[row];
    }
  }

  @Override
  public String description() {
    return "scalar kernels";
  }

  /** Nothing: plain loops are compiled while they run. */
  @Override
  public void rehearse(WeightStorage storage) {}

  @Override
  public TokenLayout layout(int width) {
    return new TokenLayout(1, width);
  }

  @Override
  public Linear pack(float[] weight, float[] bias, Activation activation, WeightStorage storage) {
    float[] rounded = weight.clone();
    if (storage != WeightStorage.F32) {
      for (int i = 0; i < rounded.length; i++) {
        rounded[i] = HalfPrecision.widen(HalfPrecision.round(rounded[i], storage), storage);
      }
    }
    return new RowMajor(rounded, bias.clone(), weight.length / bias.length);
  }

  @Override
  public List<Task> patchEmbed(
      CpuPixels pixels,
      int patch,
      Linear linear,
      PositionTable positions,
      CpuTokens x,
      Scratch scratch) {
    RowMajor weights = (RowMajor) linear;
    float[] table = positions.rows().clone();
    float[][] patches = new float[scratch.slots()][weights.inputs];
    double[][] inputs = new double[scratch.slots()][weights.inputs];
    return rowTask(
        x.images(),
        new Rows(0, x.rows()),
        (image, row, slot) -> {
          int to = x.offset(image, row);
          int position = row * x.width();
          if (row < positions.prefix()) {
            System.arraycopy(table, position, x.data(), to, x.width());
            return;
          }
          pixels.readPatch(image, row - positions.prefix(), patch, patches[slot], 0);
          widen(patches[slot], 0, inputs[slot]);
          for (int j = 0; j < x.width(); j++) {
            x.data()[to + j] = (float) (weights.apply(inputs[slot], j) + table[position + j]);
          }
        });
  }

  @Override
  public List<Task> normLinear(
      CpuTokens x,
      Rows rows,
      NormWeights norm,
      Linear linear,
      Activation activation,
      Columns columns,
      CpuTokens y,
      Scratch scratch) {
    RowMajor weights = (RowMajor) linear;
    double[][] inputs = new double[scratch.slots()][x.width()];
    return rowTask(
        x.images(),
        rows,
        (image, row, slot) -> {
          double[] a = inputs[slot];
          normalize(x.data(), x.offset(image, row), norm, a);
          int to = y.offset(image, row);
          for (int j = columns.first(); j < columns.end(); j++) {
            double value =
                activation == Activation.SWIGLU
                    ? Activations.swiglu(weights.apply(a, j), weights.apply(a, y.width() + j))
                    : Activations.apply(activation, weights.apply(a, j));
            y.data()[to + j] = (float) value;
          }
        });
  }

  @Override
  public List<Task> linearAdd(
      CpuTokens a, Rows rows, Linear linear, float[] gamma, CpuTokens x, Scratch scratch) {
    RowMajor weights = (RowMajor) linear;
    double[][] inputs = new double[scratch.slots()][a.width()];
    return rowTask(
        a.images(),
        rows,
        (image, row, slot) -> {
          widen(a.data(), a.offset(image, row), inputs[slot]);
          int to = x.offset(image, row);
          for (int j = 0; j < x.width(); j++) {
            double sum = x.data()[to + j] + gamma[j] * weights.apply(inputs[slot], j);
            x.data()[to + j] = (float) sum;
          }
        });
  }

  @Override
  public List<Task> norm(CpuTokens x, Rows rows, NormWeights norm, CpuTokens y, Scratch scratch) {
    return rowTask(
        x.images(),
        rows,
        (image, row, slot) -> {
          int from = x.offset(image, row);
          int to = y.offset(image, row);
          double mean = mean(x.data(), from, x.width());
          double scale = scale(x.data(), from, x.width(), mean, norm.epsilon());
          for (int j = 0; j < x.width(); j++) {
            double value = (x.data()[from + j] - mean) * scale;
            y.data()[to + j] = (float) (value * norm.weight()[j] + norm.bias()[j]);
          }
        });
  }

  @Override
  public List<Task> attention(AttentionStep step, Scratch scratch) {
    double[][] queries = new double[scratch.slots()][step.headWidth()];
    double[][] probabilities = new double[scratch.slots()][step.tokens()];
    double[][] sums = new double[scratch.slots()][step.headWidth()];
    int images = step.qkv().images();
    return rowTask(
        images * step.heads(),
        step.queries(),
        (imageAndHead, query, slot) -> {
          int image = imageAndHead / step.heads();
          int head = imageAndHead % step.heads();
          double[] p = probabilities[slot];
          scores(step, image, head, query, queries[slot], p);
          softmax(p);
          weightedValues(step, image, head, query, p, sums[slot]);
          if (step.watches(query)) {
            int to = step.probabilityOffset(image, head, query, 0);
            for (int key = 0; key < p.length; key++) {
              step.probabilities().data()[to + key] = (float) p[key];
            }
          }
        });
  }

  /** {@code q k^T / sqrt(d)} of one query. */
  private static void scores(
      AttentionStep step, int image, int head, int query, double[] q, double[] scores) {
    float[] qkv = step.qkv().data();
    int d = step.headWidth();
    int keys = step.y().width();
    widen(qkv, step.qkv().offset(image, query) + head * d, q);
    for (int key = 0; key < scores.length; key++) {
      int k = step.qkv().offset(image, key) + keys + head * d;
      scores[key] = dot(q, qkv, k, d) / Math.sqrt(d);
    }
  }

  /** In place; the largest score is taken off first, so that no exponential overflows. */
  private static void softmax(double[] scores) {
    double largest = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      largest = Math.max(largest, score);
    }
    double sum = 0;
    for (int key = 0; key < scores.length; key++) {
      scores[key] = Math.exp(scores[key] - largest);
      sum += scores[key];
    }
    for (int key = 0; key < scores.length; key++) {
      scores[key] /= sum;
    }
  }

  private static void weightedValues(
      AttentionStep step, int image, int head, int query, double[] p, double[] sums) {
    float[] qkv = step.qkv().data();
    int d = step.headWidth();
    int values = 2 * step.y().width();
    Arrays.fill(sums, 0);
    for (int key = 0; key < p.length; key++) {
      int v = step.qkv().offset(image, key) + values + head * d;
      for (int j = 0; j < d; j++) {
        sums[j] += p[key] * qkv[v + j];
      }
    }
    int to = step.y().offset(image, query) + head * d;
    for (int j = 0; j < d; j++) {
      step.y().data()[to + j] = (float) sums[j];
    }
  }

  private static void normalize(float[] x, int from, NormWeights norm, double[] result) {
    int width = result.length;
    double mean = mean(x, from, width);
    double scale = scale(x, from, width, mean, norm.epsilon());
    for (int j = 0; j < width; j++) {
      result[j] = (x[from + j] - mean) * scale * norm.weight()[j] + norm.bias()[j];
    }
  }

  private static double mean(float[] x, int from, int width) {
    double sum = 0;
    for (int j = 0; j < width; j++) {
      sum += x[from + j];
    }
    return sum / width;
  }

  /** {@code 1 / sqrt(variance + epsilon)}. */
  private static double scale(float[] x, int from, int width, double mean, double epsilon) {
    double squares = 0;
    for (int j = 0; j < width; j++) {
      squares += (x[from + j] - mean) * (x[from + j] - mean);
    }
    return 1 / Math.sqrt(squares / width + epsilon);
  }

  private static void widen(float[] from, int offset, double[] to) {
    for (int i = 0; i < to.length; i++) {
      to[i] = from[offset + i];
    }
  }

  /** Four sums side by side, so that an addition does not wait for the one before. */
  private static double dot(double[] a, float[] b, int offset, int length) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    int i = 0;
    for (; i <= length - 4; i += 4) {
      sum0 += a[i] * b[offset + i];
      sum1 += a[i + 1] * b[offset + i + 1];
      sum2 += a[i + 2] * b[offset + i + 2];
      sum3 += a[i + 3] * b[offset + i + 3];
    }
    for (; i < length; i++) {
      sum0 += a[i] * b[offset + i];
    }
    return sum0 + sum1 + (sum2 + sum3);
  }

  /** Computes one row of one image. */
  @FunctionalInterface
  private interface RowKernel {
    void compute(int image, int row, int slot);
  }

  private static List<Task> rowTask(int images, Rows rows, RowKernel kernel) {
    Task task =
        new Task() {
          @Override
          public int count() {
            return Math.multiplyExact(images, rows.count());
          }

          @Override
          public void run(int index, int slot) {
            int image = index / rows.count();
            kernel.compute(image, rows.first() + index % rows.count(), slot);
          }
        };
    return List.of(task);
  }
}
