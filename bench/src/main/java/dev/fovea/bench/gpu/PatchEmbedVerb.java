package dev.fovea.bench.gpu;

import dev.fovea.bench.gpu.Scale.Batch;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Pixels;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Tokens;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/** Patch projection and positions, from bytes or from the floats that these stand for. */
final class PatchEmbedVerb implements Verb {

  private static final int PATCH = ModelSize.PATCH;
  private static final int INPUTS = 3 * PATCH * PATCH;

  private final int width;
  private final Batch batch;
  private final boolean planes;
  private final int tokens;
  private final PatchEmbedWeights weights;
  private final PackedCopies<PatchEmbedWeights> copies = new PackedCopies<>();
  private final PositionTable positions;
  private final float[] lookup;
  private final byte[] image;

  PatchEmbedVerb(ModelSize model, Batch batch, boolean planes) {
    width = model.width();
    this.batch = batch;
    this.planes = planes;
    tokens = ModelSize.tokens(batch.pixels());
    weights =
        new PatchEmbedWeights(
            Numbers.random("weight", width * INPUTS, 0, 1 / Math.sqrt(INPUTS)),
            Numbers.random("bias", width, 0, 0.3),
            PATCH);
    positions =
        new PositionTable(
            ModelSize.PREFIX, width, Numbers.random("positions", tokens * width, 0, 1));
    lookup = Numbers.random("lookup", 3 * 256, 0, 1);
    image = Numbers.bytes("image", 3 * batch.pixels() * batch.pixels());
  }

  @Override
  public String name() {
    return planes ? "patch-embed-planes" : "patch-embed";
  }

  @Override
  public boolean isProduct() {
    return true;
  }

  @Override
  public Copy prepare(Device device, Recorder recorder, int number) {
    Packed<PatchEmbedWeights> packed = copies.get(device, number, () -> device.pack(weights));
    int side = batch.pixels();
    Pixels pixels =
        planes
            ? recorder.planes(batch.images(), side, side)
            : recorder.rgb(batch.images(), side, side, lookup);
    Tokens to = recorder.tokens(batch.images(), tokens, width);
    return new Copy() {
      @Override
      public void record() {
        recorder.patchEmbed(pixels, packed, positions, to);
      }

      @Override
      public Tokens result() {
        return to;
      }

      @Override
      public void fillPixels() {
        MemorySegment one = planes ? MemorySegment.ofArray(values()) : MemorySegment.ofArray(image);
        for (int i = 0; i < batch.images(); i++) {
          MemorySegment.copy(one, 0, pixels.host(), i * one.byteSize(), one.byteSize());
        }
      }
    };
  }

  /** What the bytes stand for, [3, side, side]. */
  private float[] values() {
    int plane = batch.pixels() * batch.pixels();
    float[] values = new float[3 * plane];
    for (int i = 0; i < values.length; i++) {
      values[i % 3 * plane + i / 3] = lookup[i % 3 * 256 + Byte.toUnsignedInt(image[i])];
    }
    return values;
  }

  @Override
  public Exact exact(DoubleUnaryOperator rounding) {
    float[] roundedWeight = Numbers.rounded(weights.weight(), rounding);
    float[] values = Numbers.rounded(lookup, rounding);
    return new Exact() {
      @Override
      public double[] row(int row) {
        double[] result = new double[width];
        for (int j = 0; j < width; j++) {
          result[j] = positions.rows()[row * width + j];
          if (row >= ModelSize.PREFIX) {
            result[j] += weights.bias()[j] + projected(roundedWeight, values, row, j);
          }
        }
        return result;
      }

      // float32 sums, where every step can lose a last place.
      @Override
      public double unavoidable(int row, double[] exact) {
        double sum = 0;
        for (double number : exact) {
          sum += Numbers.square(Math.pow(2, -23)) * (1 + INPUTS * Numbers.square(number));
        }
        return sum;
      }
    };
  }

  /** The product of a patch and a channel's weights. */
  private double projected(float[] roundedWeight, float[] values, int row, int channel) {
    int across = batch.pixels() / PATCH;
    int patch = row - ModelSize.PREFIX;
    double sum = 0;
    for (int k = 0; k < INPUTS; k++) {
      int color = k / (PATCH * PATCH);
      int y = patch / across * PATCH + k / PATCH % PATCH;
      int x = patch % across * PATCH + k % PATCH;
      int sample = Byte.toUnsignedInt(image[3 * (y * batch.pixels() + x) + color]);
      sum += (double) roundedWeight[channel * INPUTS + k] * values[color * 256 + sample];
    }
    return sum;
  }

  @Override
  public double allowance() {
    return 1;
  }

  @Override
  public long operations() {
    return 2L * batch.images() * (tokens - ModelSize.PREFIX) * width * INPUTS;
  }

  /** Tokens are written in float32 and 16 bits. */
  @Override
  public long bytes() {
    return 2L * width * INPUTS
        + (long) batch.images() * ((planes ? 4L : 1L) * image.length + 6L * tokens * width)
        + 4L * tokens * width;
  }

  @Override
  public Map<String, Object> keys() {
    return Results.row("rows", batch.images() * tokens, "columns", width, "depth", INPUTS);
  }
}
