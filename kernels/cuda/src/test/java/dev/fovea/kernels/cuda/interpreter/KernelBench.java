package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.Launch;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** A module on an interpreted device, with what a test needs to run its kernels. */
final class KernelBench implements AutoCloseable {

  final InterpretedDriver driver;
  private final Arena arena = Arena.ofConfined();
  private final long module;

  KernelBench(InterpretedDriver driver, String ptx) {
    this.driver = driver;
    module = driver.loadModule(ptx);
  }

  /** A bench with the module of a test resource. */
  static KernelBench of(String resource) {
    return new KernelBench(new InterpretedDriver(), read(resource));
  }

  /** The text of a test resource beside this package's kernels. */
  static String read(String resource) {
    try (InputStream stream = KernelBench.class.getResourceAsStream("/interpreter/" + resource)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  long upload(float... values) {
    return upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values));
  }

  long upload(int... values) {
    return upload(arena.allocateFrom(ValueLayout.JAVA_INT, values));
  }

  long upload(short... values) {
    return upload(arena.allocateFrom(ValueLayout.JAVA_SHORT, values));
  }

  long upload(long... values) {
    return upload(arena.allocateFrom(ValueLayout.JAVA_LONG, values));
  }

  private long upload(MemorySegment source) {
    long address = driver.allocate(source.byteSize());
    driver.copyToDevice(address, source);
    return address;
  }

  /** Memory that nobody has written. */
  long allocate(int bytes) {
    return driver.allocate(bytes);
  }

  float[] floats(long address, int count) {
    return download(address, (long) count * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT);
  }

  short[] shorts(long address, int count) {
    return download(address, (long) count * Short.BYTES).toArray(ValueLayout.JAVA_SHORT);
  }

  int[] ints(long address, int count) {
    return download(address, (long) count * Integer.BYTES).toArray(ValueLayout.JAVA_INT);
  }

  long[] longs(long address, int count) {
    return download(address, (long) count * Long.BYTES).toArray(ValueLayout.JAVA_LONG);
  }

  private MemorySegment download(long address, long bytes) {
    MemorySegment target = arena.allocate(bytes, Long.BYTES);
    driver.copyToHost(target, address);
    return target;
  }

  Arguments arguments() {
    return new Arguments(arena);
  }

  /** Runs a kernel on a row of blocks and waits for it. */
  void run(String kernel, int blocks, int threads, int sharedBytes, Arguments arguments) {
    run(kernel, blocks, 1, threads, sharedBytes, arguments);
  }

  /** Runs a kernel and waits for it. */
  void run(
      String kernel, int blocksX, int blocksY, int threads, int sharedBytes, Arguments arguments) {
    launch(kernel, blocksX, blocksY, threads, sharedBytes, arguments, false);
    driver.synchronize();
  }

  /**
   * Starts a kernel.
   *
   * @param early true if it may start before the one in front of it has ended
   */
  void launch(
      String kernel,
      int blocksX,
      int blocksY,
      int threads,
      int sharedBytes,
      Arguments arguments,
      boolean early) {
    long function = driver.function(module, kernel, sharedBytes);
    driver.launch(
        new Launch(
            kernel,
            function,
            blocksX,
            blocksY,
            1,
            threads,
            sharedBytes,
            arguments.segment(),
            early));
  }

  @Override
  public void close() {
    driver.close();
    arena.close();
  }
}
