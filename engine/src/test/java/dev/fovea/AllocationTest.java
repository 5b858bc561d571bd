package dev.fovea;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * After warm-up a forward pass allocates nothing: not on the caller's thread, not on a worker's.
 */
@EveryKernel
@Isolated("counts what all workers allocate")
class AllocationTest {

  private static final ThreadMXBean BEAN = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int ROUNDS = 100;
  private static final int CALLS = 100;

  /** Bytes of a few objects. */
  private static final long FEW = 1000;

  @Test
  void embeddingIntoMemoryOfTheCallersAllocatesNothing() {
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", Options.DEFAULT.withThreads(2))) {
      Image planes = Image.planes(70, 56, SyntheticCheckpoint.uniform("image", 1, 3 * 70 * 56));
      MemorySegment target = MemorySegment.ofArray(new float[128]);
      assertThat(bytesPerRound(() -> model.embed(planes, target), 0)).isZero();
    }
  }

  @Test
  void embeddingWithATestTimeRegisterAllocatesNothing() {
    Registers register =
        new TestTimeRegister(
            List.of(new RegisterNeuron(0, 3), new RegisterNeuron(1, 5)),
            TestTimeRegister.Form.PAPER,
            null);
    Options options = Options.DEFAULT.withThreads(2).withRegisters(register);
    try (Fovea model = Fovea.open("synthetic:tiny", options)) {
      Image planes = Image.planes(70, 56, SyntheticCheckpoint.uniform("image", 1, 3 * 70 * 56));
      MemorySegment target = MemorySegment.ofArray(new float[128]);
      assertThat(bytesPerRound(() -> model.embed(planes, target), 0)).isZero();
    }
  }

  @Test
  void photographsOfOneSizeAllocateNothing() {
    Options small =
        Options.DEFAULT.withThreads(2).withPreprocessing(Preprocessing.DINOV2.withSize(64, 56, 56));
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", small)) {
      Image photograph = Image.rgb(100, 80, new byte[3 * 100 * 80]);
      MemorySegment target = MemorySegment.ofArray(new float[128]);
      assertThat(bytesPerRound(() -> model.embed(photograph, target), 0)).isZero();
    }
  }

  /** What the model sees of either has the same size, 9 KB. */
  @Test
  void photographsOfTwoSizesAllocateAFewObjects() {
    Options small =
        Options.DEFAULT.withThreads(2).withPreprocessing(Preprocessing.DINOV2.withSize(64, 56, 56));
    try (Fovea model = Fovea.open("synthetic:tiny-reg4", small)) {
      Image wide = Image.rgb(100, 80, new byte[3 * 100 * 80]);
      Image high = Image.rgb(80, 100, new byte[3 * 80 * 100]);
      MemorySegment target = MemorySegment.ofArray(new float[128]);
      Runnable both =
          () -> {
            model.embed(wide, target);
            model.embed(high, target);
          };
      assertThat(bytesPerRound(both, FEW * CALLS)).isLessThanOrEqualTo(FEW * CALLS);
    }
  }

  /**
   * Bytes that a round of calls allocates on the engine's threads and this one, once all compilers
   * are done: the least of many rounds, because nobody says when they are.
   *
   * @param enough with so few there need not be more rounds
   */
  private static long bytesPerRound(Runnable call, long enough) {
    long least = Long.MAX_VALUE;
    for (int round = 0; round < ROUNDS && least > enough; round++) {
      least = Math.min(least, bytesOfRound(call));
    }
    return least;
  }

  private static long bytesOfRound(Runnable call) {
    long[] workers =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith("fovea-worker"))
            .mapToLong(Thread::threadId)
            .toArray();
    long workersBefore = allocated(workers);
    long before = BEAN.getCurrentThreadAllocatedBytes(); // Last and first: asking allocates, too.
    for (int i = 0; i < CALLS; i++) {
      call.run();
    }
    long after = BEAN.getCurrentThreadAllocatedBytes();
    return after - before + allocated(workers) - workersBefore;
  }

  private static long allocated(long[] threads) {
    long sum = 0;
    for (long thread : threads) {
      sum += BEAN.getThreadAllocatedBytes(thread);
    }
    return sum;
  }
}
