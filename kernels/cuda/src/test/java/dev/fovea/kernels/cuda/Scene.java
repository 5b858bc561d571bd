package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.cuda.GpuTokens.Form;
import dev.fovea.kernels.cuda.driver.CudaDriver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;

/** Matrices on a device, kernels that are run over them at once, and results. */
final class Scene implements AutoCloseable {

  private final CudaDriver driver;
  private final GpuKernels kernels;
  private final Precision precision;
  private final Arena arena = Arena.ofShared();
  private final PlanMemory memory;

  Scene(CudaDriver driver, GpuKernels kernels, Precision precision) {
    this.driver = driver;
    this.kernels = kernels;
    this.precision = precision;
    memory = new PlanMemory(driver);
  }

  GpuKernels kernels() {
    return kernels;
  }

  PlanMemory memory() {
    return memory;
  }

  /** The verbs with products of one thread an element in the place of a library's. */
  LibraryProducts library(boolean fuses) {
    return new LibraryProducts(driver, precision, new NaiveProducts(driver, precision, fuses));
  }

  /** A matrix of zeros. */
  GpuTokens zeros(int images, int rows, int width, Form form) {
    GpuTokens tokens = new GpuTokens(null, images, rows, width);
    tokens.written(form);
    tokens.allocate(memory);
    return tokens;
  }

  /** A matrix of these numbers, [images, rows, width], in the forms of a residual stream. */
  GpuTokens residual(int images, int rows, int width, float[] numbers) {
    GpuTokens tokens = zeros(images, rows, width, Form.RESIDUAL);
    fill(tokens, numbers);
    run(plan -> kernels.narrow(plan, tokens));
    return tokens;
  }

  /** Replaces the float32 form. */
  void fill(GpuTokens tokens, float[] numbers) {
    MemorySegment host = host(tokens, Float.BYTES);
    for (int i = 0; i < numbers.length; i++) {
      host.setAtIndex(ValueLayout.JAVA_FLOAT, padded(tokens, i), numbers[i]);
    }
    driver.copyToDevice(tokens.full(), host);
  }

  /** A matrix of these numbers in 16 bits. */
  GpuTokens half(int images, int rows, int width, float[] numbers) {
    GpuTokens tokens = zeros(images, rows, width, Form.HALF);
    MemorySegment host = host(tokens, Short.BYTES);
    for (int i = 0; i < numbers.length; i++) {
      host.setAtIndex(ValueLayout.JAVA_SHORT, padded(tokens, i), precision.round(numbers[i]));
    }
    driver.copyToDevice(tokens.half(), host);
    return tokens;
  }

  /** Copies what the caller has written to the pixels' host memory. */
  void upload(GpuPixels pixels) {
    driver.copyToDevice(pixels.device(), pixels.host());
  }

  /** Runs kernels. */
  void run(Consumer<PlanBuilder> verbs) {
    PlanBuilder builder = new PlanBuilder(arena, memory);
    verbs.accept(builder);
    builder.steps().forEach(step -> step.enqueue(driver));
    driver.synchronize();
  }

  /** The float32 form, [images, rows, width]. What lies behind the last column has to be zero. */
  float[] full(GpuTokens tokens) {
    MemorySegment host = read(tokens, tokens.full(), Float.BYTES);
    return unpadded(tokens, i -> host.getAtIndex(ValueLayout.JAVA_FLOAT, i));
  }

  /** The 16-bit form, likewise. */
  float[] halves(GpuTokens tokens) {
    MemorySegment host = read(tokens, tokens.half(), Short.BYTES);
    return unpadded(tokens, i -> precision.widen(host.getAtIndex(ValueLayout.JAVA_SHORT, i)));
  }

  /** [images, rows, groups, 2]. */
  float[] statistics(GpuTokens tokens) {
    float[] pairs = new float[2 * tokens.images() * tokens.rows() * tokens.groups()];
    return floats(tokens.statistics(), pairs.length);
  }

  /** Numbers on the device. */
  float[] floats(long address, int count) {
    MemorySegment host = arena.allocate((long) count * Float.BYTES, Float.BYTES);
    driver.copyToHost(host, address);
    driver.synchronize();
    return host.toArray(ValueLayout.JAVA_FLOAT);
  }

  private MemorySegment host(GpuTokens tokens, int bytes) {
    long elements = (long) tokens.images() * tokens.rows() * tokens.stride();
    return arena.allocate(elements * bytes, bytes);
  }

  private MemorySegment read(GpuTokens tokens, long address, int bytes) {
    MemorySegment host = host(tokens, bytes);
    driver.copyToHost(host, address);
    driver.synchronize();
    return host;
  }

  private static long padded(GpuTokens tokens, int index) {
    return (long) (index / tokens.width()) * tokens.stride() + index % tokens.width();
  }

  @FunctionalInterface
  private interface Elements {
    float at(long index);
  }

  private static float[] unpadded(GpuTokens tokens, Elements elements) {
    int rows = tokens.images() * tokens.rows();
    float[] numbers = new float[rows * tokens.width()];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < tokens.stride(); column++) {
        float element = elements.at((long) row * tokens.stride() + column);
        if (column < tokens.width()) {
          numbers[row * tokens.width() + column] = element;
        } else {
          assertThat(element).as("padding of row %d, column %d", row, column).isZero();
        }
      }
    }
    return numbers;
  }

  @Override
  public void close() {
    memory.close();
    arena.close();
  }
}
