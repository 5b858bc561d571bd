package dev.fovea.bench;

import dev.fovea.Image;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import java.lang.foreign.MemorySegment;
import java.util.Random;
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
import org.openjdk.jmh.annotations.Warmup;

/** Resize and crop of a photograph's bytes, which a request pays before its forward pass. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ResizeBenchmark {

  /** Width and height: an upload, and what a video frame has. */
  @Param({"640x480", "1920x1080"})
  public String size;

  private final Preprocessor preprocessor = new Preprocessor(Preprocessing.DINOV2);
  private Image.Rgb image;
  private MemorySegment target;

  /** Fills an image with noise. */
  @Setup
  public void fill() {
    String[] sides = size.split("x");
    int width = Integer.parseInt(sides[0]);
    int height = Integer.parseInt(sides[1]);
    byte[] rgb = new byte[3 * width * height];
    new Random(1).nextBytes(rgb);
    image = new Image.Rgb(width, height, rgb);
    Preprocessor.Size output = Preprocessor.outputSize(width, height, Preprocessing.DINOV2);
    target = MemorySegment.ofArray(new byte[3 * output.width() * output.height()]);
  }

  /** One image. */
  @Benchmark
  public MemorySegment resize() {
    preprocessor.apply(image, target);
    return target;
  }
}
