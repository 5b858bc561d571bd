package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Arrays;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/**
 * The last LayerNorm and, behind it, CLS and the mean of the patches, divided by their L2 norm or
 * not: two verbs, all float32.
 */
final class NormPoolVerb implements Verb {

  private static final float EPSILON = 1e-6f;

  private final int width;
  private final Batch batch;
  private final boolean normalize;
  private final int tokens;
  private final NormWeights weights;
  private final PackedCopies<NormWeights> copies = new PackedCopies<>();
  private final float[] x;

  NormPoolVerb(ModelSize model, Batch batch, boolean normalize) {
    width = model.width();
    this.batch = batch;
    this.normalize = normalize;
    tokens = ModelSize.tokens(batch.pixels());
    weights =
        new NormWeights(
            Numbers.random("norm.weight", width, 1, 0.3),
            Numbers.random("norm.bias", width, 0, 0.5),
            EPSILON);
    x = Numbers.random("x", tokens * width, 1, 2);
  }

  @Override
  public String name() {
    return normalize ? "norm-pool-normalize" : "norm-pool";
  }

  @Override
  public boolean isProduct() {
    return false;
  }

  @Override
  public Copy prepare(Device device, Recorder recorder, int number) {
    Packed<NormWeights> packed = copies.get(device, number, () -> device.pack(weights));
    Tokens from = recorder.tokens(batch.images(), tokens, width);
    Tokens normed = recorder.tokens(batch.images(), tokens, width);
    Tokens pooled = recorder.tokens(batch.images(), 1, 2 * width);
    recorder.write(x, Rows.all(from), Columns.all(from), from);
    return new Copy() {
      @Override
      public void record() {
        recorder.norm(from, Rows.all(from), packed, normed);
        recorder.pool(normed, ModelSize.PREFIX, Pooling.CLS_MEAN, normalize, pooled);
      }

      @Override
      public Tokens result() {
        return pooled;
      }
    };
  }

  @Override
  public Exact exact(DoubleUnaryOperator rounding) {
    return new Exact() {
      private final double[] pooled = pooled();
      private final double length = normalize ? Numbers.length(pooled) : 1;

      @Override
      public double[] row(int row) {
        return Arrays.stream(pooled).map(element -> element / length).toArray();
      }

      // Elements of a size of 1 (before they are divided), and a few steps of float32 for each.
      @Override
      public double unavoidable(int row, double[] exact) {
        return exact.length * Numbers.square(8 * Math.pow(2, -24) / length);
      }
    };
  }

  private double[] pooled() {
    double[] result = new double[2 * width];
    for (int token = 0; token < tokens; token++) {
      double[] normed = normed(token);
      for (int j = 0; j < width; j++) {
        if (token == 0) {
          result[j] = normed[j];
        } else if (token >= ModelSize.PREFIX) {
          result[width + j] += normed[j] / (tokens - ModelSize.PREFIX);
        }
      }
    }
    return result;
  }

  private double[] normed(int token) {
    double mean = 0;
    for (int j = 0; j < width; j++) {
      mean += x[token * width + j] / (double) width;
    }
    double variance = 0;
    for (int j = 0; j < width; j++) {
      variance += Numbers.square(x[token * width + j] - mean) / width;
    }
    double[] result = new double[width];
    for (int j = 0; j < width; j++) {
      double normalised = (x[token * width + j] - mean) / Math.sqrt(variance + EPSILON);
      result[j] = normalised * weights.weight()[j] + weights.bias()[j];
    }
    return result;
  }

  @Override
  public double allowance() {
    return 1;
  }

  @Override
  public long operations() {
    return 8L * batch.images() * tokens * width;
  }

  @Override
  public long bytes() {
    return 12L * batch.images() * tokens * width;
  }

  @Override
  public Map<String, Object> keys() {
    return Results.row("rows", batch.images() * tokens, "columns", width);
  }
}
