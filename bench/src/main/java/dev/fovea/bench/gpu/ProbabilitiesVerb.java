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

/** Attention of CLS and the registers alone, and what of it is kept: its probabilities. */
final class ProbabilitiesVerb implements Verb {

  private static final int WATCHED = ModelSize.PREFIX;

  private final int width;
  private final Batch batch;
  private final int tokens;
  private final float[] qkv;

  ProbabilitiesVerb(ModelSize model, Batch batch) {
    width = model.width();
    this.batch = batch;
    tokens = ModelSize.tokens(batch.pixels());
    qkv = Numbers.random("qkv", tokens * 3 * width, 0, 1.5);
  }

  @Override
  public String name() {
    return "attention-probabilities";
  }

  @Override
  public boolean isProduct() {
    return false;
  }

  @Override
  public Copy prepare(Device device, Recorder recorder, int number) {
    int heads = width / ModelSize.HEAD;
    Rows watched = new Rows(0, WATCHED);
    Tokens from = recorder.tokens(batch.images(), tokens, 3 * width);
    Tokens to = recorder.tokens(batch.images(), tokens, width);
    Tokens kept = recorder.tokens(batch.images(), heads * WATCHED, tokens);
    recorder.write(qkv, Rows.all(from), Columns.all(from), from);
    return new Copy() {
      @Override
      public void record() {
        recorder.attention(from, heads, watched, to, watched, kept);
      }

      @Override
      public Tokens result() {
        return kept;
      }
    };
  }

  @Override
  public Exact exact(DoubleUnaryOperator rounding) {
    float[] rounded = Numbers.rounded(qkv, rounding);
    return new Exact() {
      @Override
      public double[] row(int row) {
        int head = row / WATCHED * ModelSize.HEAD;
        double[] powers = AttentionVerb.powers(rounded, tokens, width, row % WATCHED, head);
        double all = Arrays.stream(powers).sum();
        return Arrays.stream(powers).map(power -> power / all).toArray();
      }

      // float32: a score, which is below 16, is off by some last places, and so is, relatively, its
      // power.
      @Override
      public double unavoidable(int row, double[] exact) {
        double places = 16 * 8 * Math.pow(2, -24);
        return Arrays.stream(exact).map(p -> Numbers.square(places * p)).sum();
      }
    };
  }

  @Override
  public double allowance() {
    return 1;
  }

  @Override
  public long operations() {
    return 4L * batch.images() * WATCHED * tokens * width;
  }

  /** Queries of some rows, keys and values of all, and the probabilities. */
  @Override
  public long bytes() {
    return 2L * batch.images() * width * (2 * WATCHED + 2 * tokens)
        + 4L * batch.images() * width / ModelSize.HEAD * WATCHED * tokens;
  }

  @Override
  public Map<String, Object> keys() {
    return Results.row("tokens", tokens, "heads", width / ModelSize.HEAD);
  }
}
