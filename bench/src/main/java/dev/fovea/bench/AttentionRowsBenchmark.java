package dev.fovea.bench;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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

/** What the attention of CLS and the registers costs beside all tokens of one image. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsPrepend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 3, time = 3)
@Measurement(iterations = 5, time = 3)
public class AttentionRowsBenchmark {

  /** The model, by the size of its published counterpart. */
  @Param("small-reg4")
  public String model;

  /** Side of the image in pixels. */
  @Param("224")
  public int pixels;

  /** Blocks whose attention is asked for, from the last one back; 0 for none. */
  @Param({"0", "1", "12"})
  public int blocks;

  /** Threads that compute. */
  @Param({"1", "2"})
  public int threads;

  private Fovea fovea;
  private Image image;
  private FeatureRequest request;

  /** Opens the model on pixels that are already normalised. */
  @Setup
  public void open() {
    fovea = Fovea.open("synthetic:" + model, Options.DEFAULT.withThreads(threads));
    image =
        Image.planes(pixels, pixels, SyntheticCheckpoint.uniform("image", 1, 3 * pixels * pixels));
    int depth = fovea.config().depth();
    int[] indices = IntStream.range(depth - blocks, depth).toArray();
    FeatureRequest tokens = FeatureRequest.of(Feature.TOKENS);
    request = blocks == 0 ? tokens : tokens.withPrefixAttention(indices);
    fovea.warmUp();
  }

  /** Ends its threads. */
  @TearDown
  public void close() {
    fovea.close();
  }

  /** The forward pass of a request for all tokens. */
  @Benchmark
  public Features features() {
    return fovea.features(image, request);
  }
}
