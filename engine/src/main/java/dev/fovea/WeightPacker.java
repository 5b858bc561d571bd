package dev.fovea;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Function;

/**
 * Reads layers and packs them, on any number of threads. Large matrices go through arrays that are
 * used again, so that opening a model leaves no second copy of it behind as garbage: each thread
 * holds one, and one that has not the size of the next matrix is dropped for one that has.
 */
final class WeightPacker {

  private final WeightSource source;
  private final Device device;

  /** Guarded by itself. */
  private final Deque<float[]> idle = new ArrayDeque<>();

  WeightPacker(WeightSource source, Device device) {
    this.source = source;
    this.device = device;
  }

  Packed<PatchEmbedWeights> patchEmbed(String layer, int patch) {
    return pack(
        layer, weight -> device.pack(new PatchEmbedWeights(weight, read(layer + ".bias"), patch)));
  }

  Packed<NormLinearWeights> normLinear(
      String norm, float epsilon, String layer, Activation activation) {
    NormWeights normWeights = normWeights(norm, epsilon);
    return pack(
        layer,
        weight ->
            device.pack(
                new NormLinearWeights(normWeights, weight, read(layer + ".bias"), activation)));
  }

  Packed<LinearAddWeights> linearAdd(String layer, String scale) {
    return pack(
        layer,
        weight ->
            device.pack(
                new LinearAddWeights(weight, read(layer + ".bias"), read(scale + ".gamma"))));
  }

  Packed<NormWeights> norm(String norm, float epsilon) {
    return device.pack(normWeights(norm, epsilon));
  }

  private NormWeights normWeights(String norm, float epsilon) {
    return new NormWeights(read(norm + ".weight"), read(norm + ".bias"), epsilon);
  }

  /** A tensor in an array of its own. */
  float[] read(String name) {
    float[] values = new float[source.elements(name)];
    source.read(name, values);
    return values;
  }

  /**
   * Packs a layer. A device refuses values that its storage cannot hold; it does not know what they
   * are called.
   */
  private <W> Packed<W> pack(String layer, Function<float[], Packed<W>> packing) {
    String name = layer + ".weight";
    float[] weight = borrow(source.elements(name));
    try {
      source.read(name, weight);
      return packing.apply(weight);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(layer + ": " + e.getMessage(), e);
    } finally {
      giveBack(weight);
    }
  }

  private float[] borrow(int length) {
    synchronized (idle) {
      float[] array = idle.poll();
      return array != null && array.length == length ? array : new float[length];
    }
  }

  private void giveBack(float[] array) {
    synchronized (idle) {
      idle.push(array);
    }
  }
}
