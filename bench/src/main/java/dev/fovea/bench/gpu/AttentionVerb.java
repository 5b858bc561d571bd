package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Arrays;
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
        return attend(rounded, query, power -> power);
      }

      // Two roundings to 16 bits: of the results, and on compute capability 9.0 of the powers when
      // they meet the values. Other GPUs keep what that leaves, and stay well below this.
      @Override
      public double unavoidable(int query, double[] exact) {
        double[] best = attend(rounded, query, rounding);
        double sum = 0;
        for (int j = 0; j < width; j++) {
          sum += Numbers.square(rounding.applyAsDouble(best[j]) - exact[j]);
        }
        return sum;
      }
    };
  }

  /**
   * One query in all heads.
   *
   * @param kept what of a power meets the values
   */
  private double[] attend(float[] numbers, int query, DoubleUnaryOperator kept) {
    double[] result = new double[width];
    for (int head = 0; head < width; head += ModelSize.HEAD) {
      double[] powers = powers(numbers, tokens, width, query, head);
      double all = Arrays.stream(powers).sum();
      for (int key = 0; key < tokens; key++) {
        double weight = kept.applyAsDouble(powers[key]) / all;
        for (int j = head; j < head + ModelSize.HEAD; j++) {
          result[j] += weight * numbers[(key * 3 + 2) * width + j];
        }
      }
    }
    return result;
  }

  /**
   * What a softmax divides by its sum, the largest of it 1.
   *
   * @param numbers qkv, [tokens, 3, width]
   * @param head its first column
   */
  static double[] powers(float[] numbers, int tokens, int width, int query, int head) {
    double[] scores = new double[tokens];
    for (int key = 0; key < tokens; key++) {
      for (int j = head; j < head + ModelSize.HEAD; j++) {
        scores[key] +=
            (double) numbers[query * 3 * width + j] * numbers[(key * 3 + 1) * width + j] / 8;
      }
    }
    double largest = Arrays.stream(scores).max().orElseThrow();
    return Arrays.stream(scores).map(score -> Math.exp(score - largest)).toArray();
  }

  @Override
  public double allowance() {
    return 1.2;
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
