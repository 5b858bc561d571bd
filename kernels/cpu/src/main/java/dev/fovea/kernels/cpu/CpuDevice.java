package dev.fovea.kernels.cpu;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.Packed;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.WeightStorage;
import java.util.function.IntConsumer;

/** The processors of this machine: one set of kernels and one team of threads. */
final class CpuDevice implements Device {

  /**
   * Products of so many rows are as fast as longer ones, and their activations are still in the
   * caches when the next step reads them: 8 images of 224 pixels, ViT-S on two threads, take 7 %
   * longer together than one after the other.
   */
  private static final int BATCH_TOKENS = 512;

  private final CpuKernels kernels;
  private final WeightStorage storage;
  private final Workers workers;

  CpuDevice(CpuKernels kernels, int threads, WeightStorage storage) {
    this.kernels = kernels;
    this.storage = storage;
    workers = new Workers(threads);
  }

  @Override
  public String description() {
    int threads = workers.width();
    return "CPU, %s, %d thread%s, weights as %s"
        .formatted(kernels.description(), threads, threads == 1 ? "" : "s", storage);
  }

  @Override
  public int batchTokens() {
    return BATCH_TOKENS;
  }

  CpuKernels kernels() {
    return kernels;
  }

  Workers workers() {
    return workers;
  }

  @Override
  public Packed<PatchEmbedWeights> pack(PatchEmbedWeights weights) {
    Linear linear =
        pack("patch projection weight", weights.weight(), weights.bias(), Activation.NONE);
    return new CpuPacked.PatchEmbed(this, weights.patch(), weights.width(), linear);
  }

  @Override
  public Packed<NormLinearWeights> pack(NormLinearWeights weights) {
    Activation activation = weights.activation();
    Linear linear = pack("weight behind a LayerNorm", weights.weight(), weights.bias(), activation);
    return new CpuPacked.NormLinear(
        this, copy(weights.norm()), activation, weights.outputs(), linear);
  }

  @Override
  public Packed<LinearAddWeights> pack(LinearAddWeights weights) {
    Linear linear =
        pack("weight in front of a LayerScale", weights.weight(), weights.bias(), Activation.NONE);
    return new CpuPacked.LinearAdd(this, weights.inputs(), weights.gamma().clone(), linear);
  }

  @Override
  public Packed<NormWeights> pack(NormWeights weights) {
    return new CpuPacked.Norm(this, copy(weights));
  }

  private Linear pack(String what, float[] weight, float[] bias, Activation activation) {
    HalfPrecision.checkRange(what, weight, weight.length / bias.length, storage);
    return kernels.pack(weight, bias, activation, storage);
  }

  private static NormWeights copy(NormWeights norm) {
    return new NormWeights(norm.weight().clone(), norm.bias().clone(), norm.epsilon());
  }

  @Override
  public void forAll(int count, IntConsumer piece) {
    workers.run(new Task[] {new Pieces(count, piece)});
  }

  /** Work that needs no scratch memory. */
  private record Pieces(int count, IntConsumer piece) implements Task {
    @Override
    public void run(int index, int slot) {
      piece.accept(index);
    }
  }

  @Override
  public Recorder record() {
    return new CpuRecorder(this);
  }

  @Override
  public void close() {
    workers.close();
  }
}
