package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.HostBuffer;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Pixels;
import dev.fovea.kernels.Pooling;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/** Two blocks of width 64 on 5 x 5 patches, one with GELU and one with SwiGLU. */
final class SmallVit {

  private static final int WIDTH = 64;
  private static final int PATCH = 4;
  private static final int SIDE = 5 * PATCH;
  private static final int PREFIX = 3;
  private static final int TOKENS = PREFIX + 25;
  private static final int HIDDEN = 90;
  private static final int HEADS = 2;

  static final int IMAGE_BYTES = SIDE * SIDE * 3;
  static final Rows ALL = new Rows(0, TOKENS);

  final Pixels pixels;
  final Tokens x;
  final Tokens qkv;

  /** What the last block read, and its first layer. */
  final Tokens beforeLast;

  final Packed<NormLinearWeights> lastQkv;

  private final Random random = new Random(3);
  private final Tokens attended;
  private final Tokens hidden;

  /** Records everything up to the last block, of which only {@code lastRows} are computed. */
  SmallVit(Device device, Recorder recorder, int images, Rows lastRows) {
    pixels = recorder.rgb(images, SIDE, SIDE, normal(768, 1));
    x = recorder.tokens(images, TOKENS, WIDTH);
    beforeLast = recorder.tokens(images, TOKENS, WIDTH);
    qkv = recorder.tokens(images, TOKENS, 3 * WIDTH);
    attended = recorder.tokens(images, TOKENS, WIDTH);
    hidden = recorder.tokens(images, TOKENS, HIDDEN);
    int patchSize = 3 * PATCH * PATCH;
    recorder.patchEmbed(
        pixels,
        device.pack(new PatchEmbedWeights(normal(WIDTH * patchSize, 0.2), normal(WIDTH, 1), PATCH)),
        new PositionTable(PREFIX, WIDTH, normal(TOKENS * WIDTH, 1)),
        x);
    block(device, recorder, Activation.GELU, ALL);
    recorder.moveToRow(x, new int[] {5, 0, 61}, 2, Move.EACH_MAXIMUM);
    recorder.moveToRow(x, new int[] {6, 1}, 2, Move.LARGEST_MAGNITUDE);
    recorder.write(normal(6, 1), new Rows(1, 2), new Columns(10, 3), x);
    NormWeights identity = new NormWeights(normal(WIDTH, 1), normal(WIDTH, 1), 1e-6f);
    recorder.norm(x, ALL, device.pack(identity), beforeLast);
    recorder.norm(x, ALL, device.pack(identity), x);
    lastQkv = block(device, recorder, Activation.SWIGLU, lastRows);
  }

  private Packed<NormLinearWeights> block(
      Device device, Recorder recorder, Activation activation, Rows rows) {
    Packed<NormLinearWeights> first = device.pack(normLinear(3 * WIDTH, Activation.NONE));
    recorder.normLinear(x, ALL, first, Columns.all(qkv), qkv);
    recorder.attention(qkv, HEADS, rows, attended);
    recorder.linearAdd(attended, rows, device.pack(linearAdd(WIDTH)), x);
    int weightRows = activation == Activation.SWIGLU ? 2 * HIDDEN : HIDDEN;
    Packed<NormLinearWeights> up = device.pack(normLinear(weightRows, activation));
    recorder.normLinear(x, rows, up, Columns.all(hidden), hidden);
    recorder.linearAdd(hidden, rows, device.pack(linearAdd(HIDDEN)), x);
    return first;
  }

  private NormLinearWeights normLinear(int rows, Activation activation) {
    NormWeights norm = new NormWeights(normal(WIDTH, 1), normal(WIDTH, 0.3), 1e-6f);
    return new NormLinearWeights(norm, normal(rows * WIDTH, 0.1), normal(rows, 0.3), activation);
  }

  private LinearAddWeights linearAdd(int inputs) {
    return new LinearAddWeights(normal(WIDTH * inputs, 0.1), normal(WIDTH, 0.3), normal(WIDTH, 1));
  }

  /** Appends the embedding. */
  HostBuffer pooled(Recorder recorder, Pooling pooling) {
    Tokens y = recorder.tokens(x.images(), 1, pooling == Pooling.CLS_MEAN ? 2 * WIDTH : WIDTH);
    recorder.pool(x, PREFIX, pooling, true, y);
    return recorder.read(y, Rows.all(y), Columns.all(y));
  }

  /** Writes the images of the batch. */
  void fill(byte[]... images) {
    for (int i = 0; i < images.length; i++) {
      MemorySegment.copy(
          MemorySegment.ofArray(images[i]), 0, pixels.host(), (long) i * IMAGE_BYTES, IMAGE_BYTES);
    }
  }

  private float[] normal(int count, double scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return values;
  }
}
