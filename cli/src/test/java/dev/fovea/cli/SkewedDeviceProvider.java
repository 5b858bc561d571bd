package dev.fovea.cli;

import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Recorder;
import java.util.ServiceLoader;
import java.util.function.IntConsumer;

/**
 * A device named "skewed": the CPU, but every second channel of the last LayerNorm is multiplied by
 * a tenth more. So all blocks are right, and what comes out is wrong.
 */
public final class SkewedDeviceProvider implements DeviceProvider {

  @Override
  public String name() {
    return "skewed";
  }

  @Override
  public String diagnosis() {
    return "a device of the tests\nwith an error";
  }

  @Override
  public Device open(DeviceOptions options) {
    return new SkewedDevice(
        ServiceLoader.load(DeviceProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.name().equals("cpu"))
            .findFirst()
            .orElseThrow()
            .open(options));
  }

  private record SkewedDevice(Device cpu) implements Device {

    @Override
    public String description() {
      return "skewed " + cpu.description();
    }

    @Override
    public int batchTokens() {
      return cpu.batchTokens();
    }

    @Override
    public Packed<PatchEmbedWeights> pack(PatchEmbedWeights weights) {
      return cpu.pack(weights);
    }

    @Override
    public Packed<NormLinearWeights> pack(NormLinearWeights weights) {
      return cpu.pack(weights);
    }

    @Override
    public Packed<LinearAddWeights> pack(LinearAddWeights weights) {
      return cpu.pack(weights);
    }

    @Override
    public Packed<NormWeights> pack(NormWeights weights) {
      float[] skewed = weights.weight().clone();
      for (int i = 0; i < skewed.length; i += 2) {
        skewed[i] *= 1.1f;
      }
      return cpu.pack(new NormWeights(skewed, weights.bias(), weights.epsilon()));
    }

    @Override
    public void forAll(int count, IntConsumer piece) {
      cpu.forAll(count, piece);
    }

    @Override
    public Recorder record() {
      return cpu.record();
    }

    @Override
    public void close() {
      cpu.close();
    }
  }
}
