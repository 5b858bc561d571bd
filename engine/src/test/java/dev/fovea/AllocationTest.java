package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * After warm-up a forward pass allocates nothing: not on the caller's thread, not on a worker's.
 */
@Tag("every-kernel")
class AllocationTest {

  private static final int WARM_UP = 3000;
  private static final int MEASURED = 200;

  @Test
  void embeddingIntoMemoryOfTheCallersAllocatesNothing() {
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withThreads(2))) {
      Image planes = Image.planes(70, 56, SyntheticCheckpoint.uniform("image", 1, 3 * 70 * 56));
      MemorySegment target = MemorySegment.ofArray(new float[128]);
      assertThat(bytesPerCall(() -> model.embed(planes, target))).isZero();
    }
  }

  @Test
  void photographsOfOneSizeAllocateNothing() {
    Options small =
        Options.DEFAULT.withThreads(2).withPreprocessing(Preprocessing.DINOV2.withSize(64, 56, 56));
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", small)) {
      Image photograph = Image.rgb(100, 80, new byte[3 * 100 * 80]);
      MemorySegment target = MemorySegment.ofArray(new float[128]);
      assertThat(bytesPerCall(() -> model.embed(photograph, target))).isZero();
    }
  }

  /**
   * Bytes a call, over all threads of the process that do the engine's work, rounded down: another
   * thread of the JVM (a compiler, the test runner) may allocate now and then, but not once a call.
   */
  private static long bytesPerCall(Runnable call) {
    for (int i = 0; i < WARM_UP; i++) {
      call.run();
    }
    long before = allocated();
    for (int i = 0; i < MEASURED; i++) {
      call.run();
    }
    return (allocated() - before) / MEASURED;
  }

  private static long allocated() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long sum = threads.getCurrentThreadAllocatedBytes();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("fovea-worker")) {
        sum += threads.getThreadAllocatedBytes(thread.threadId());
      }
    }
    return sum;
  }
}
