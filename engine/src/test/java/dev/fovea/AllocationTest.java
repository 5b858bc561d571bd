package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.stream.Stream;
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

  /** Bytes that the engine's threads and this one allocate in a number of calls, divided by it. */
  private static double bytesPerCall(Runnable call) {
    for (int i = 0; i < WARM_UP; i++) {
      call.run();
    }
    long[] threads =
        Stream.concat(
                Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getName().startsWith("fovea-worker")),
                Stream.of(Thread.currentThread()))
            .mapToLong(Thread::threadId)
            .toArray();
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] before = new long[threads.length];
    for (int i = 0; i < threads.length; i++) {
      before[i] = bean.getThreadAllocatedBytes(threads[i]);
    }
    for (int i = 0; i < MEASURED; i++) {
      call.run();
    }
    long allocated = 0;
    for (int i = 0; i < threads.length; i++) {
      allocated += bean.getThreadAllocatedBytes(threads[i]) - before[i];
    }
    return (double) allocated / MEASURED;
  }
}
