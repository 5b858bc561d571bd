package dev.fovea.kernels.cuda;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.PatchEmbedWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Brings weights into the layouts that the kernels read. Threads can pack at the same time; only
 * the copies to the device are made one after another, by the thread that talks to it.
 */
final class GpuPacker {

  /** Rows of a matrix are rounded up to so many. */
  private static final int ROW_UNIT = 128;

  private final CudaDevice device;
  private final Precision precision;

  GpuPacker(CudaDevice device, Precision precision) {
    this.device = device;
    this.precision = precision;
  }

  /** Weights as the kernels want them, element by element. */
  @FunctionalInterface
  private interface Elements {
    float at(int row, int input);
  }

  GpuPacked.PatchEmbed pack(PatchEmbedWeights weights) {
    int patch = weights.patch();
    int inputs = 3 * patch * patch;
    float[][] reordered = new float[weights.width()][inputs];
    for (int row = 0; row < weights.width(); row++) {
      int from = row * inputs;
      for (int channel = 0; channel < 3; channel++) {
        for (int down = 0; down < patch; down++) {
          for (int across = 0; across < patch; across++) {
            reordered[row][PatchLayout.input(patch, channel, down, across)] =
                weights.weight()[from++];
          }
        }
      }
    }
    GpuPacked.Matrix matrix =
        matrix(
            "the patch projection's weight",
            weights.width(),
            inputs,
            (row, input) -> reordered[row][input],
            null);
    return new GpuPacked.PatchEmbed(
        device, patch, weights.width(), matrix, upload(padded(weights.bias(), ROW_UNIT)));
  }

  GpuPacked.NormLinear pack(NormLinearWeights weights) {
    NormWeights norm = weights.norm();
    int width = norm.width();
    int rows = weights.bias().length;
    boolean gated = weights.activation() == Activation.SWIGLU;
    float[] weight = weights.weight();
    float[] sums = new float[rows];
    GpuPacked.Matrix matrix =
        matrix(
            "a linear layer's weight times its LayerNorm's",
            rows,
            width,
            (row, input) -> weight[source(row, rows, gated) * width + input] * norm.weight()[input],
            sums);
    float[] bias = new float[rows];
    for (int row = 0; row < rows; row++) {
      int from = source(row, rows, gated);
      double sum = weights.bias()[from];
      for (int input = 0; input < width; input++) {
        sum += (double) weight[from * width + input] * norm.bias()[input];
      }
      bias[row] = (float) sum;
    }
    return new GpuPacked.NormLinear(
        device,
        width,
        norm.epsilon(),
        weights.activation(),
        weights.outputs(),
        matrix,
        upload(padded(bias, ROW_UNIT)),
        upload(padded(sums, ROW_UNIT)));
  }

  /** With SwiGLU, rows of the gate (the first half) and of the value alternate. */
  private static int source(int row, int rows, boolean gated) {
    return gated ? row / 2 + row % 2 * (rows / 2) : row;
  }

  GpuPacked.LinearAdd pack(LinearAddWeights weights) {
    int inputs = weights.inputs();
    float[] weight = weights.weight();
    GpuPacked.Matrix matrix =
        matrix(
            "a linear layer's weight",
            weights.outputs(),
            inputs,
            (row, input) -> weight[row * inputs + input],
            null);
    float[] bias = new float[weights.outputs()];
    for (int row = 0; row < bias.length; row++) {
      bias[row] = weights.gamma()[row] * weights.bias()[row];
    }
    return new GpuPacked.LinearAdd(
        device, matrix, upload(padded(weights.gamma(), ROW_UNIT)), upload(padded(bias, ROW_UNIT)));
  }

  GpuPacked.Norm pack(NormWeights weights) {
    return new GpuPacked.Norm(
        device,
        weights.width(),
        weights.epsilon(),
        upload(padded(weights.weight(), GpuTokens.STRIDE_UNIT)),
        upload(padded(weights.bias(), GpuTokens.STRIDE_UNIT)));
  }

  /**
   * Rounds a matrix to 16 bits and uploads it.
   *
   * @param what it is, for the message
   * @param sums gets the sums of the rounded rows, unless null
   */
  private GpuPacked.Matrix matrix(
      String what, int rows, int inputs, Elements elements, float[] sums) {
    int stride = Math.ceilDiv(inputs, GpuTokens.STRIDE_UNIT) * GpuTokens.STRIDE_UNIT;
    int paddedRows = Math.ceilDiv(rows, ROW_UNIT) * ROW_UNIT;
    long bytes = (long) paddedRows * stride * Short.BYTES;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment halves = arena.allocate(bytes, Long.BYTES);
      for (int row = 0; row < rows; row++) {
        double sum = 0;
        for (int input = 0; input < inputs; input++) {
          float element = elements.at(row, input);
          short half = precision.round(element);
          float rounded = precision.widen(half);
          if (Float.isInfinite(rounded) && Float.isFinite(element)) {
            throw tooLarge(what, element, row, input);
          }
          sum += rounded;
          halves.setAtIndex(ValueLayout.JAVA_SHORT, (long) row * stride + input, half);
        }
        if (sums != null) {
          sums[row] = (float) sum;
        }
      }
      return new GpuPacked.Matrix(device.upload(halves), rows, paddedRows, inputs, stride, bytes);
    }
  }

  private IllegalArgumentException tooLarge(String what, float element, int row, int input) {
    String advice =
        precision == Precision.F16 ? "use storage BF16, or the CPU" : "use the CPU in F32";
    return new IllegalArgumentException(
        "%s has %s at row %d, column %d, which is too large for %s; %s"
            .formatted(what, element, row, input, precision, advice));
  }

  private static float[] padded(float[] numbers, int unit) {
    float[] padded = new float[Math.ceilDiv(numbers.length, unit) * unit];
    System.arraycopy(numbers, 0, padded, 0, numbers.length);
    return padded;
  }

  private long upload(float[] numbers) {
    try (Arena arena = Arena.ofShared()) {
      return device.upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, numbers));
    }
  }
}
