package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.Arguments;
import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.driver.Launch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * The driver's promises: when work is done, what a graph keeps, what is refused, what a fault
 * leaves behind.
 */
class InterpretedDriverTest {

  /** Adds 1 to every number. */
  private static final String INCREMENT =
      Snippet.module(
              """
              cvt.u64.u32 %rd3, %r3;
              add.s64 %rd4, %rd1, %rd3;
              add.s64 %rd5, %rd2, %rd3;
              ld.global.u32 %r10, [%rd4];
              add.s32 %r10, %r10, 1;
              st.global.u32 [%rd5], %r10;
              """)
          .replace("sm_90", "sm_80");

  private final InterpretedDriver driver = new InterpretedDriver();
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    driver.close();
    arena.close();
  }

  private MemorySegment native32(int first) {
    MemorySegment segment = arena.allocate(128, 8);
    for (int i = 0; i < 32; i++) {
      segment.setAtIndex(ValueLayout.JAVA_INT, i, first + i);
    }
    return segment;
  }

  private static int firstOf(MemorySegment segment) {
    return segment.get(ValueLayout.JAVA_INT, 0);
  }

  private static Consumer<Throwable> kindIs(Kind kind) {
    return failure -> assertThat(((CudaException) failure).kind()).isEqualTo(kind);
  }

  private Launch increment(long from, long to) {
    long function = driver.function(driver.loadModule(INCREMENT), "snippet", 0);
    Arguments arguments = new Arguments(arena).address(from).address(to);
    return new Launch("snippet", function, 1, 1, 1, 32, 0, arguments.segment());
  }

  @Test
  @DisplayName("copies of pinned memory happen when they are waited for, others at once")
  void laziness() {
    long device = driver.allocate(128);
    MemorySegment pinned = driver.allocatePinned(128);
    assertThat(pinned.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    MemorySegment plain = native32(5);
    driver.copyToDevice(device, plain);
    plain.fill((byte) 0);
    driver.copyToHost(pinned, device);
    assertThat(firstOf(pinned)).isEqualTo(0);
    driver.synchronize();
    assertThat(firstOf(pinned)).isEqualTo(5);
    driver.copyToHost(plain, device);
    assertThat(firstOf(plain)).isEqualTo(5);
  }

  @Test
  @DisplayName(
      "a graph does again what was recorded, with the arguments of the recording and today's pinned"
          + " memory")
  void graphs() {
    long device = driver.allocate(128);
    MemorySegment input = driver.allocatePinned(128);
    MemorySegment output = driver.allocatePinned(128);
    Launch launch = increment(device, device);
    driver.beginCapture();
    driver.copyToDevice(device, input);
    driver.launch(launch);
    driver.launch(launch);
    driver.copyToHost(output, device);
    long graph = driver.endCapture();
    launch.arguments().fill((byte) 0);
    for (int i = 0; i < 3; i++) {
      input.copyFrom(native32(10 * i));
      driver.launchGraph(graph);
      driver.synchronize();
      assertThat(firstOf(output)).isEqualTo(10 * i + 2);
    }
    driver.freeGraph(graph);
    assertThatThrownBy(() -> driver.launchGraph(graph))
        .hasMessageContaining("no handle of a graph");
  }

  @Test
  @DisplayName("a graph that needs memory that has been freed fails")
  void graphOfFreedMemory() {
    long device = driver.allocate(128);
    driver.beginCapture();
    driver.fill(device, (byte) 0, 128);
    long graph = driver.endCapture();
    driver.free(device);
    driver.launchGraph(graph);
    assertThatThrownBy(driver::synchronize)
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("recorded work needs 128 bytes")
        .hasMessageContaining("their allocation of 128 bytes has been freed");
  }

  @Test
  @DisplayName("what cannot be recorded is refused")
  void captureRefusals() {
    long device = driver.allocate(128);
    MemorySegment plain = native32(0);
    assertThatThrownBy(driver::endCapture).hasMessageContaining("no capture has begun");
    driver.beginCapture();
    assertThatThrownBy(() -> driver.copyToDevice(device, plain))
        .hasMessageContaining("only pinned memory");
    assertThatThrownBy(() -> driver.copyToHost(plain, device))
        .hasMessageContaining("only pinned memory");
    assertThatThrownBy(() -> driver.allocate(8)).hasMessageContaining("end the capture first");
    assertThatThrownBy(() -> driver.free(device)).hasMessageContaining("end the capture first");
    assertThatThrownBy(driver::synchronize).hasMessageContaining("end the capture first");
    assertThatThrownBy(driver::beginCapture).hasMessageContaining("end the capture first");
    driver.fill(device, (byte) 1, 128);
    long graph = driver.endCapture();
    driver.launchGraph(graph);
    driver.copyToHost(plain, device);
    assertThat(firstOf(plain)).isEqualTo(0x01010101);
  }

  @Test
  @DisplayName("memory runs out where the facts say so, and comes back")
  void outOfMemory() {
    GpuFacts facts = new GpuFacts("small", 80, 1, 48 * 1024, 1000, 12040);
    try (InterpretedDriver small = new InterpretedDriver(facts)) {
      long first = small.allocate(600);
      assertThat(first % 256).isZero();
      assertThatThrownBy(() -> small.allocate(401))
          .hasMessage("out of memory: 401 bytes were asked for, 400 of 1000 are free")
          .satisfies(kindIs(Kind.OUT_OF_MEMORY));
      small.free(first);
      assertThat(small.allocatedBytes()).isZero();
      small.allocate(1000);
    }
  }

  @Test
  @DisplayName("modules for later devices or drivers are refused")
  void modules() {
    assertThatThrownBy(() -> driver.loadModule(INCREMENT.replace("sm_80", "sm_90a")))
        .hasMessage("the module is for sm_90a, but the device has compute capability 80");
    assertThatThrownBy(() -> driver.loadModule(INCREMENT.replace("8.0", "10.0")))
        .hasMessageContaining("needs a driver for CUDA 14, but this one is for 13");
    assertThatThrownBy(() -> driver.loadModule("hello"))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("PTX line 1: expected a directive or a variable, got 'hello'");
    long module = driver.loadModule(INCREMENT);
    assertThatThrownBy(() -> driver.function(module, "other", 0))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("there is no kernel 'other', only [snippet]");
  }

  @Test
  @DisplayName("after a fault every call says so")
  void lostDevice() {
    long input = driver.allocate(128);
    long output = driver.allocate(128);
    driver.launch(increment(input, output));
    assertThatThrownBy(driver::synchronize)
        .isInstanceOf(CudaException.class)
        .hasMessageStartingWith(
            "the device is lost and has to be opened again: kernel snippet, line")
        .hasMessageContaining("nobody has written")
        .satisfies(kindIs(Kind.LOST));
    assertThatThrownBy(() -> driver.allocate(1))
        .hasMessageStartingWith("the device is lost")
        .satisfies(kindIs(Kind.LOST));
    assertThatThrownBy(driver::facts).hasMessageStartingWith("the device is lost");
    driver.close();
    driver.close();
    assertThatThrownBy(driver::facts).hasMessage("the driver is closed; open it again");
  }

  @Test
  @DisplayName("what has been freed, or was never written, cannot be read")
  void misuse() {
    long device = driver.allocate(128);
    assertThatThrownBy(() -> driver.fill(device, (byte) 0, 129))
        .hasMessageContaining("0 bytes into an allocation of 128 bytes");
    driver.free(device);
    assertThatThrownBy(() -> driver.free(device)).hasMessageContaining("no allocation starts at");
    assertThatThrownBy(() -> driver.copyToDevice(device, native32(0)))
        .hasMessageContaining("their allocation of 128 bytes has been freed");
    long fresh = driver.allocate(128);
    assertThatThrownBy(() -> driver.copyToDevice(fresh, MemorySegment.ofArray(new byte[8])))
        .hasMessageContaining("only native memory can be copied");
    assertThatThrownBy(() -> driver.copyToHost(native32(0), fresh))
        .hasMessageContaining("reads byte 0 of an allocation of 128, which nobody has written");
  }

  @Test
  @DisplayName("leaks are listed")
  void leaks() {
    driver.loadModule(INCREMENT.replace(".visible", ".global .u32 counter;\n.visible"));
    driver.assertNothingLeaked();
    long device = driver.allocate(64);
    MemorySegment pinned = driver.allocatePinned(32);
    long event = driver.createEvent();
    assertThatThrownBy(driver::assertNothingLeaked)
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("64 bytes of device memory", "32 bytes of pinned memory", "event");
    driver.free(device);
    driver.freePinned(pinned);
    driver.freeEvent(event);
    driver.assertNothingLeaked();
    assertThat(pinned.scope().isAlive()).isFalse();
  }

  @Test
  @DisplayName("events pass when the stream gets to them")
  void events() {
    long first = driver.createEvent();
    long second = driver.createEvent();
    driver.recordEvent(first);
    driver.recordEvent(second);
    assertThatThrownBy(() -> driver.millisBetween(first, second))
        .hasMessageContaining("not passed yet");
    driver.synchronize();
    assertThat(driver.millisBetween(first, second)).isNotNegative();
    assertThat(driver.stream()).isNotZero();
  }

  @Test
  @DisplayName("all calls come from one thread")
  void oneThread() throws InterruptedException {
    driver.allocate(8);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread other =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    driver.allocate(8);
                  } catch (CudaException e) {
                    failure.set(e);
                  }
                });
    other.join();
    assertThat(failure.get()).hasMessageContaining("all calls have to come from one");
  }
}
