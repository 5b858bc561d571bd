package dev.fovea.bench;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

/** Images in, their CLS embeddings out: what a service waits for. Time is for the whole batch. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsPrepend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 3, time = 3)
@Measurement(iterations = 5, time = 3)
public class ForwardBenchmark {

  /** The model, by the size of its published counterpart. */
  @Param({"small-reg4", "base-reg4", "large-reg4"})
  public String model;

  /** Side of the image in pixels. */
  @Param("224")
  public int pixels;

  /** Images of one forward pass. */
  @Param({"1", "8"})
  public int batch;

  /** Threads that compute. */
  @Param({"1", "2"})
  public int threads;

  private Fovea fovea;
  private List<Image> images;

  /** Opens the model on pixels that are already normalised. */
  @Setup
  public void open() {
    fovea = Fovea.open("synthetic:" + model, Options.DEFAULT.withThreads(threads));
    Image image =
        Image.planes(pixels, pixels, SyntheticCheckpoint.uniform("image", 1, 3 * pixels * pixels));
    images = Collections.nCopies(batch, image);
    fovea.warmUp();
  }

  /** Ends its threads. */
  @TearDown
  public void close() {
    fovea.close();
  }

  /** The forward pass of a request for CLS. */
  @Benchmark
  public List<float[]> embed() {
    return fovea.embedAll(images);
  }
}
