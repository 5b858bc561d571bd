package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/** LayerNorm, linear layer and activation. */
final class NormLinearVerb implements Verb {

  private static final float EPSILON = 1e-6f;

  /** Every so many rows there is one whose mean is far from zero: kernels have a way for those. */
  private static final int FAR_ROWS = 16;

  /** The first of them. */
  static final int FIRST_FAR_ROW = 5;

  private final ModelSize.Product product;
  private final Batch batch;
  private final int tokens;
  private final NormLinearWeights weights;
  private final PackedCopies<NormLinearWeights> copies = new PackedCopies<>();
  private final float[] x;

  NormLinearVerb(ModelSize.Product product, Batch batch, int tokens) {
    this.product = product;
    this.batch = batch;
    this.tokens = tokens;
    int width = product.depth();
    int rows = product.columns();
    weights =
        new NormLinearWeights(
            new NormWeights(
                Numbers.random("norm.weight", width, 1, 0.2),
                Numbers.random("norm.bias", width, 0, 0.2),
                EPSILON),
            Numbers.random("weight", rows * width, 0, 1 / Math.sqrt(width)),
            Numbers.random("bias", rows, 0, 0.5),
            product.activation());
    x = Numbers.random("x", tokens * width, 0.3, 1.5);
    for (int row = FIRST_FAR_ROW; row < tokens; row += FAR_ROWS) {
      for (int i = 0; i < width; i++) {
        x[row * width + i] += 8;
      }
    }
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
    Packed<NormLinearWeights> packed = copies.get(device, number, () -> device.pack(weights));
    Tokens from = recorder.tokens(batch.images(), tokens, product.depth());
    Tokens to = recorder.tokens(batch.images(), tokens, weights.outputs());
    recorder.write(x, Rows.all(from), Columns.all(from), from);
    return new Copy() {
      @Override
      public void record() {
        recorder.normLinear(from, Rows.all(from), packed, Columns.all(to), to);
      }

      @Override
      public Tokens result() {
        return to;
      }
    };
  }

  @Override
  public Exact exact(DoubleUnaryOperator rounding) {
    int width = product.depth();
    float[] folded = new float[weights.weight().length];
    double[] bias = new double[product.columns()];
    for (int j = 0; j < bias.length; j++) {
      bias[j] = weights.bias()[j];
      for (int k = 0; k < width; k++) {
        float weight = weights.weight()[j * width + k];
        folded[j * width + k] = (float) rounding.applyAsDouble(weight * weights.norm().weight()[k]);
        bias[j] += (double) weight * weights.norm().bias()[k];
      }
    }
    return new Exact() {
      @Override
      public double[] row(int row) {
        double[] normalised = normalised(row, rounding);
        double[] linear = bias.clone();
        for (int j = 0; j < linear.length; j++) {
          for (int k = 0; k < width; k++) {
            linear[j] += normalised[k] * folded[j * width + k];
          }
        }
        return activated(linear);
      }

      @Override
      public double unavoidable(int row, double[] exact) {
        return Numbers.roundingErrors(exact, rounding);
      }
    };
  }

  private double[] activated(double[] linear) {
    double[] result = new double[weights.outputs()];
    for (int j = 0; j < result.length; j++) {
      result[j] =
          switch (product.activation()) {
            case NONE -> linear[j];
            case GELU -> Numbers.gelu(linear[j]);
            case QUICK_GELU -> Numbers.silu(1.702 * linear[j]) / 1.702;
            case SWIGLU -> Numbers.silu(linear[j]) * linear[result.length + j];
          };
    }
    return result;
  }

  /** Rounded in front of the LayerNorm, or behind it where the mean is far from zero. */
  private double[] normalised(int row, DoubleUnaryOperator rounding) {
    int width = product.depth();
    double mean = 0;
    for (int k = 0; k < width; k++) {
      mean += x[row * width + k] / (double) width;
    }
    double variance = 0;
    for (int k = 0; k < width; k++) {
      variance += Numbers.square(x[row * width + k] - mean) / width;
    }
    double scale = 1 / Math.sqrt(variance + EPSILON);
    boolean far = mean * mean > 3 * variance;
    double[] result = new double[width];
    for (int k = 0; k < width; k++) {
      float value = x[row * width + k];
      result[k] =
          far
              ? rounding.applyAsDouble((value - mean) * scale)
              : (rounding.applyAsDouble(value) - mean) * scale;
    }
    return result;
  }

  @Override
  public double allowance() {
    return 1.2;
  }

  @Override
  public long operations() {
    return 2L * batch.images() * tokens * product.columns() * product.depth();
  }

  @Override
  public long bytes() {
    return 2L * product.columns() * product.depth()
        + 2L * batch.images() * tokens * (product.depth() + weights.outputs());
  }

  @Override
  public Map<String, Object> keys() {
    return keys(product, batch.images() * tokens);
  }

  /** The sizes of a product. */
  static Map<String, Object> keys(ModelSize.Product product, int rows) {
    return Results.row(
        "product",
        product.name(),
        "rows",
        rows,
        "columns",
        product.columns(),
        "depth",
        product.depth(),
        "activation",
        product.activation() == Activation.NONE ? null : product.activation().name());
  }
}
