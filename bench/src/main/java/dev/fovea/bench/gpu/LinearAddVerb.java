package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/** Linear layer, LayerScale and residual. */
final class LinearAddVerb implements Verb {

  private final ModelSize.Product product;
  private final Batch batch;
  private final int tokens;
  private final LinearAddWeights weights;
  private final PackedCopies<LinearAddWeights> copies = new PackedCopies<>();
  private final float[] a;
  private final float[] x;

  LinearAddVerb(ModelSize.Product product, Batch batch, int tokens) {
    this.product = product;
    this.batch = batch;
    this.tokens = tokens;
    int outputs = product.columns();
    int inputs = product.depth();
    weights =
        new LinearAddWeights(
            Numbers.random("weight", outputs * inputs, 0, 1 / Math.sqrt(inputs)),
            Numbers.random("bias", outputs, 0, 0.5),
            Numbers.random("gamma", outputs, 0.5, 0.3));
    a = Numbers.random("a", tokens * inputs, 0.1, 1);
    x = Numbers.random("x", tokens * outputs, 0.5, 4);
  }

  @Override
  public String name() {
    return product.name();
  }

  @Override
  public boolean isProduct() {
    return true;
  }

  @Override
  public Copy prepare(Device device, Recorder recorder, int number) {
    Packed<LinearAddWeights> packed = copies.get(device, number, () -> device.pack(weights));
    Tokens from = recorder.tokens(batch.images(), tokens, product.depth());
    Tokens to = recorder.tokens(batch.images(), tokens, product.columns());
    recorder.write(a, Rows.all(from), Columns.all(from), from);
    recorder.write(x, Rows.all(to), Columns.all(to), to);
    return new Copy() {
      @Override
      public void record() {
        recorder.linearAdd(from, Rows.all(from), packed, to);
      }

      @Override
      public Tokens result() {
        return to;
      }
    };
  }

  @Override
  public Exact exact(DoubleUnaryOperator rounding) {
    int inputs = product.depth();
    float[] roundedWeight = Numbers.rounded(weights.weight(), rounding);
    float[] roundedA = Numbers.rounded(a, rounding);
    return new Exact() {
      @Override
      public double[] row(int row) {
        double[] result = new double[product.columns()];
        for (int j = 0; j < result.length; j++) {
          double sum = weights.bias()[j];
          for (int k = 0; k < inputs; k++) {
            sum += (double) roundedA[row * inputs + k] * roundedWeight[j * inputs + k];
          }
          result[j] = x[row * result.length + j] + weights.gamma()[j] * sum;
        }
        return result;
      }

      // float32: of adding to x, and of summing, where every step can lose a last place.
      @Override
      public double unavoidable(int row, double[] exact) {
        double place = Math.pow(2, -23);
        double sum = 0;
        for (int j = 0; j < exact.length; j++) {
          double increment = exact[j] - x[row * exact.length + j];
          sum += Numbers.square(place * exact[j]);
          sum += Numbers.square(place * increment) * inputs;
        }
        return sum;
      }
    };
  }

  @Override
  public double allowance() {
    return 1;
  }

  @Override
  public long operations() {
    return 2L * batch.images() * tokens * product.columns() * product.depth();
  }

  /** x is read in float32 and written in float32 and 16 bits. */
  @Override
  public long bytes() {
    return 2L * product.columns() * product.depth()
        + (long) batch.images() * tokens * (2L * product.depth() + 10L * product.columns());
  }

  @Override
  public Map<String, Object> keys() {
    return NormLinearVerb.keys(product, batch.images() * tokens);
  }
}
