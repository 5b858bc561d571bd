package dev.fovea.bench;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Device;
import dev.fovea.kernels.DeviceOptions;
import dev.fovea.kernels.DeviceProvider;
import dev.fovea.kernels.LinearAddWeights;
import dev.fovea.kernels.NormLinearWeights;
import dev.fovea.kernels.NormWeights;
import dev.fovea.kernels.PatchEmbedWeights;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.PositionTable;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import dev.fovea.kernels.WeightStorage;
import java.util.Arrays;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The verbs that do the arithmetic, at the shapes of the published models. The counter {@code
 * flops} per nanosecond is GF/s; hold it against {@link PeakBenchmark} in the same run.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 1, jvmArgsPrepend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 1)
public class VerbBenchmark {

  private static final int PATCH = 14;

  /** Floating-point operations done. */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Work {
    /** Two for every multiply-add. */
    public long flops;
  }

  /** Width of the model: ViT-S, B, L. */
  @Param({"384", "768", "1024"})
  public int width;

  /** Tokens of the image: 224 and 518 px with 4 registers. */
  @Param({"261", "1374"})
  public int tokens;

  /**
   * Which verb of the network. {@code qkv} and {@code expand} have a LayerNorm in front, {@code
   * expand} a GELU behind; {@code norm} is a LayerNorm alone, counted as 8 operations an element.
   */
  @Param({"patchEmbed", "qkv", "attention", "project", "expand", "contract", "norm"})
  public String verb;

  /** Threads that compute. */
  @Param({"1", "2"})
  public int threads;

  private Device device;
  private Plan plan;
  private long flops;

  /** Packs weights of the shape and records a plan of the one verb. */
  @Setup
  public void record() {
    DeviceProvider cpu =
        ServiceLoader.load(DeviceProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.name().equals("cpu"))
            .findFirst()
            .orElseThrow();
    device = cpu.open(new DeviceOptions("auto", threads, WeightStorage.F32));
    Recorder recorder = device.record();
    switch (verb) {
      case "patchEmbed" -> patchEmbed(recorder);
      case "norm" -> norm(recorder);
      case "qkv" -> normLinear(recorder, 3 * width, Activation.NONE);
      case "attention" -> attention(recorder);
      case "project" -> linearAdd(recorder, width);
      case "expand" -> normLinear(recorder, 4 * width, Activation.GELU);
      case "contract" -> linearAdd(recorder, 4 * width);
      default -> throw new IllegalArgumentException("no verb '" + verb + "'");
    }
    plan = recorder.build();
  }

  private void normLinear(Recorder recorder, int outputs, Activation activation) {
    NormWeights norm = new NormWeights(ones(width), new float[width], 1e-6f);
    Tokens y = recorder.tokens(1, tokens, outputs);
    recorder.normLinear(
        recorder.tokens(1, tokens, width),
        new Rows(0, tokens),
        device.pack(
            new NormLinearWeights(norm, random(outputs * width), random(outputs), activation)),
        Columns.all(y),
        y);
    flops = 2L * tokens * width * outputs;
  }

  private void linearAdd(Recorder recorder, int inputs) {
    recorder.linearAdd(
        recorder.tokens(1, tokens, inputs),
        new Rows(0, tokens),
        device.pack(new LinearAddWeights(random(width * inputs), random(width), ones(width))),
        recorder.tokens(1, tokens, width));
    flops = 2L * tokens * width * inputs;
  }

  private void patchEmbed(Recorder recorder) {
    int across = (int) Math.sqrt(tokens);
    int side = PATCH * across;
    int prefix = tokens - across * across;
    float[] weight = random(width * 3 * PATCH * PATCH);
    recorder.patchEmbed(
        recorder.rgb(1, side, side, random(3 * 256)),
        device.pack(new PatchEmbedWeights(weight, random(width), PATCH)),
        new PositionTable(prefix, width, random(tokens * width)),
        recorder.tokens(1, tokens, width));
    flops = 2L * across * across * weight.length;
  }

  private void norm(Recorder recorder) {
    NormWeights norm = new NormWeights(ones(width), new float[width], 1e-6f);
    recorder.norm(
        recorder.tokens(1, tokens, width),
        new Rows(0, tokens),
        device.pack(norm),
        recorder.tokens(1, tokens, width));
    flops = 8L * tokens * width;
  }

  private void attention(Recorder recorder) {
    recorder.attention(
        recorder.tokens(1, tokens, 3 * width),
        width / 64,
        new Rows(0, tokens),
        recorder.tokens(1, tokens, width));
    flops = 4L * tokens * tokens * width;
  }

  private static float[] random(int count) {
    return SyntheticCheckpoint.uniform("weights", 1, count);
  }

  private static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  /** Ends the threads. */
  @TearDown
  public void close() {
    plan.close();
    device.close();
  }

  /** One run of the verb. */
  @Benchmark
  public void run(Work work) {
    plan.run();
    work.flops += flops;
  }
}
