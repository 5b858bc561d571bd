package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/** Attention of all tokens. */
final class AttentionVerb implements Verb {

  private final int width;
  private final Batch batch;
  private final int tokens;
  private final float[] qkv;

  AttentionVerb(ModelSize model, Batch batch) {
    width = model.width();
    this.batch = batch;
    tokens = ModelSize.tokens(batch.pixels());
    qkv = Numbers.random("qkv", tokens * 3 * width, 0, 1.5);
  }

  @Override
  public String name() {
    return "attention";
  }

  @Override
  public boolean isProduct() {
    return false;
  }

  @Override
  public Copy prepare(Device device, Recorder recorder, int number) {
    Tokens from = recorder.tokens(batch.images(), tokens, 3 * width);
    Tokens to = recorder.tokens(batch.images(), tokens, width);
    recorder.write(qkv, Rows.all(from), Columns.all(from), from);
    return new Copy() {
      @Override
      public void record() {
        recorder.attention(from, width / ModelSize.HEAD, Rows.all(from), to);
      }

      @Override
      public Tokens result() {
        return to;
      }
    };
  }

  @Override
  public Exact exact(DoubleUnaryOperator rounding) {
    float[] rounded = Numbers.rounded(qkv, rounding);
    return new Exact() {
      @Override
      public double[] row(int query) {
        double[] result = new double[width];
        for (int head = 0; head < width; head += ModelSize.HEAD) {
          attend(rounded, query, head, result);
        }
        return result;
      }

      @Override
      public double unavoidable(int row, double[] exact) {
        return Numbers.roundingErrors(exact, rounding);
      }
    };
  }

  /**
   * One query of one head.
   *
   * @param head its first column
   */
  private void attend(float[] numbers, int query, int head, double[] result) {
    int stride = 3 * width;
    double[] scores = new double[tokens];
    double largest = Double.NEGATIVE_INFINITY;
    for (int key = 0; key < tokens; key++) {
      for (int j = head; j < head + ModelSize.HEAD; j++) {
        scores[key] += (double) numbers[query * stride + j] * numbers[key * stride + width + j] / 8;
      }
      largest = Math.max(largest, scores[key]);
    }
    double sum = 0;
    for (int key = 0; key < tokens; key++) {
      scores[key] = Math.exp(scores[key] - largest);
      sum += scores[key];
    }
    for (int key = 0; key < tokens; key++) {
      for (int j = head; j < head + ModelSize.HEAD; j++) {
        result[j] += scores[key] / sum * numbers[key * stride + 2 * width + j];
      }
    }
  }

  /**
   * Probabilities are rounded before they meet the values, and results afterwards: two independent
   * errors of one size.
   */
  @Override
  public double allowance() {
    return 1.2 * Math.sqrt(2);
  }

  @Override
  public long operations() {
    return 4L * batch.images() * tokens * tokens * width;
  }

  @Override
  public long bytes() {
    return 2L * batch.images() * tokens * 4 * width;
  }

  @Override
  public Map<String, Object> keys() {
    return Results.row("tokens", tokens, "heads", width / ModelSize.HEAD);
  }
}
