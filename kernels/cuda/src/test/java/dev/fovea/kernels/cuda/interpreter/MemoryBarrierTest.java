package dev.fovea.kernels.cuda.interpreter;

import static dev.fovea.kernels.cuda.interpreter.Planted.assertFault;
import static dev.fovea.kernels.cuda.interpreter.Planted.assertRuns;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.util.Arrays;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Barriers in shared memory, what they order, and mistakes with them, each beside its twin. */
class MemoryBarrierTest {

  /** Thread 0 makes a barrier at {@code %r10} for so many arrivals. */
  private static final String INITIALISE =
      """
      mov.u32 %r10, tile;
      setp.eq.u32 %p1, %r1, 0;
      @%p1 mbarrier.init.shared::cta.b64 [%r10], COUNT;
      """;

  /** The second warp is {@code %p2}, its lane 0 {@code %p3}. */
  private static final String WARPS =
      """
      bar.sync 0;
      setp.ge.u32 %p2, %r1, 32;
      setp.eq.u32 %p3, %r1, 32;
      """;

  private static final String WAIT =
      """
      again: mbarrier.try_wait.parity.shared::cta.b64 %p4, [%r10], PARITY;
      @!%p4 bra again;
      """;

  private static String initialise(int count) {
    return INITIALISE.replace("COUNT", String.valueOf(count)) + WARPS;
  }

  private static String waiting(int parity) {
    return WAIT.replace("PARITY", String.valueOf(parity));
  }

  @Test
  @DisplayName("phases end with the last arrival, and are known by parity and by state")
  void phases() {
    String code =
        initialise(64)
            + """
            mbarrier.arrive.shared::cta.b64 %rd3, [%r10];
            state: mbarrier.test_wait.shared::cta.b64 %p4, [%r10], %rd3;
            @!%p4 bra state;
            mbarrier.test_wait.parity.shared::cta.b64 %p5, [%r10], 0;
            mbarrier.test_wait.parity.shared::cta.b64 %p6, [%r10], 1;
            selp.u32 %r11, 1, 0, %p5;
            selp.u32 %r12, 2, 0, %p6;
            add.s32 %r11, %r11, %r12;
            mul.wide.u32 %rd4, %r1, 4;
            add.s64 %rd4, %rd4, %rd2;
            st.global.u32 [%rd4], %r11;
            """;
    try (KernelBench bench = Snippet.bench(code)) {
      long output = bench.allocate(256);
      Snippet.run(bench, 64, 0, 0, output);
      assertThat(bench.ints(output, 64)).containsOnly(1);
    }
  }

  @Test
  @DisplayName("what happened before an arrival happens before what follows a wait")
  void orders() {
    String write = "add.s32 %r11, %r10, 128;\n @%p2 st.shared.u32 [%r11], 7;\n";
    String writeOnce = write.replace("@%p2", "@%p3");
    String arrive = "@%p3 mbarrier.arrive.shared::cta.b64 _, [%r10];\n";
    String read = "@!%p2 ld.shared.u32 %r12, [%r11];\n";
    String waitFirst = "@%p2 bra on;\n" + waiting(0);
    assertRuns(initialise(1) + writeOnce + arrive + waitFirst + read + "on:\n");
    assertFault(
        initialise(1) + writeOnce + arrive + "@%p2 bra on;\n" + read + "on:\n",
        "race: ",
        "without a barrier between them");
    assertFault(
        initialise(1)
            + writeOnce
            + arrive.replace("arrive.", "arrive.relaxed.cta.")
            + waitFirst
            + read
            + "on:\n",
        "race: ");
    assertFault(
        initialise(1) + arrive + writeOnce + waitFirst + read + "on:\n",
        "shared memory at tile+128");
  }

  @Test
  @DisplayName("who tries once may be told that the phase is not over")
  void triesOnce() {
    String code =
        initialise(1)
            + """
            add.s32 %r11, %r10, 128;
            @%p1 st.shared.u32 [%r11], 7;
            @!%p2 bra arrive;
            mbarrier.try_wait.parity.shared::cta.b64 %p4, [%r10], 0;
            ld.shared.u32 %r12, [%r11];
            bra on;
            arrive:
            nanosleep.u32 100;
            @%p1 mbarrier.arrive.shared::cta.b64 _, [%r10];
            on:
            """;
    assertFault(code, "tile+128");
  }

  @Test
  @DisplayName("more arrivals than were announced")
  void overflow() {
    String twice = "@%p1 mbarrier.arrive.shared::cta.b64 _, [%r10], NUMBER;\n";
    assertFault(
        initialise(3) + twice.replace("NUMBER", "4"),
        "arrives 4 times at the barrier at tile+0, which has 3 of 3 arrivals to come");
    assertRuns(initialise(3) + twice.replace("NUMBER", "3"));
    assertFault(
        initialise(31) + "@!%p2 mbarrier.arrive.shared::cta.b64 _, [%r10], 2;\n",
        "lane 15",
        "arrives 2 times");
  }

  @Test
  @DisplayName("barriers that have not been initialised, or twice, or not for this thread")
  void initialisation() {
    String arrive = "@%p1 mbarrier.arrive.shared::cta.b64 _, [%r10+8];\n";
    assertFault(initialise(1) + arrive, "there is no barrier at tile+8");
    String again = "@%p1 mbarrier.init.shared::cta.b64 [%r10], 1;\n";
    assertFault(initialise(1) + again, "the barrier at tile+0, which is one already");
    String invalidate = "@%p1 mbarrier.inval.shared::cta.b64 [%r10];\n";
    assertRuns(initialise(1) + invalidate + again);
    assertRuns(initialise(1) + invalidate + "@%p1 st.shared.u32 [%r10], 1;\n");
    assertFault(
        initialise(1) + "@%p1 st.shared.u32 [%r10], 1;\n",
        "writes shared memory at tile+0, which is a memory barrier");
    assertFault(
        initialise(1) + "@%p1 ld.shared.u32 %r11, [%r10+4];\n",
        "tile+4, which is a memory barrier");
    assertFault(
        INITIALISE.replace("COUNT", "64") + "mbarrier.arrive.shared::cta.b64 _, [%r10];\n",
        "uses the barrier at tile+0, which thread 0 (warp 0) has initialised, without a barrier");
  }

  @Test
  @DisplayName("waiting for a phase that never ends")
  void deadlock() {
    assertFault(
        initialise(2) + "@%p3 mbarrier.arrive.shared::cta.b64 _, [%r10];\n" + waiting(0),
        "deadlock",
        "this one waits for the barrier at tile+0",
        "the barrier at tile+0 in phase 0: 1 of 2 arrivals and 0 bytes are missing");
    assertRuns(initialise(2) + "@%p3 mbarrier.arrive.shared::cta.b64 _, [%r10], 2;\n" + waiting(0));
    assertRuns(initialise(2) + waiting(1));
  }

  /** Thread 0 copies BYTES bytes to {@code tile+128}, and all wait. */
  private static final String COPY =
      """
      @%p1 fence.mbarrier_init.release.cluster;
      bar.sync 0;
      add.s32 %r11, %r10, TARGET;
      add.s64 %rd3, %rd1, SOURCE;
      @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r10], BYTES;
      @%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r11], [%rd3], BYTES, [%r10];
      """;

  private static String copy(int target, int source, int bytes) {
    return initialise(1)
        + COPY.replace("TARGET", "" + target)
            .replace("SOURCE", "" + source)
            .replace("BYTES", "" + bytes);
  }

  @Test
  @DisplayName("what a bulk copy brings is there after the wait for its barrier")
  void bulkCopy() {
    String code =
        copy(128, 64, 256)
            + waiting(0)
            + """
            add.s32 %r12, %r11, %r3;
            ld.shared.u32 %r13, [%r12];
            mul.wide.u32 %rd4, %r1, 4;
            add.s64 %rd4, %rd4, %rd2;
            st.global.u32 [%rd4], %r13;
            """;
    try (KernelBench bench = Snippet.bench(code)) {
      int[] numbers = new int[256];
      Arrays.setAll(numbers, i -> i);
      long output = bench.allocate(256);
      Snippet.run(bench, 64, 0, bench.upload(numbers), output);
      int[] actual = bench.ints(output, 64);
      for (int i = 0; i < 64; i++) {
        assertThat(actual[i]).isEqualTo(16 + i);
      }
    }
  }

  @Test
  @DisplayName("lanes of a warp that wait in turns for different copies get on")
  void lanesWaitApart() {
    String copies =
        """
        mov.u32 %r10, tile;
        shl.b32 %r11, %r1, 3;
        add.s32 %r11, %r11, %r10;
        shl.b32 %r12, %r1, 4;
        add.s32 %r12, %r12, %r10;
        setp.lt.u32 %p1, %r1, 2;
        @!%p1 bra on;
        mbarrier.init.shared::cta.b64 [%r11], 1;
        fence.mbarrier_init.release.cluster;
        mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r11], 16;
        cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r12+64], [%rd1], 16, [%r11];
        setp.eq.u32 %p2, %r1, 0;
        @%p2 bra second;
        first: mbarrier.WAIT.parity.shared::cta.b64 %p4, [%r11], 0;
        @!%p4 bra first;
        bra on;
        second: mbarrier.WAIT.parity.shared::cta.b64 %p4, [%r11], 0;
        @!%p4 bra second;
        on:
        """;
    assertRuns(copies.replace("WAIT", "try_wait"));
    assertRuns(copies.replace("WAIT", "test_wait"));
    assertFault(
        copies.replace("WAIT", "try_wait").replace("_, [%r11], 16", "_, [%r11], 32"), "deadlock");
  }

  @Test
  @DisplayName("bulk copies that are not waited for, or go over something else")
  void bulkCopyFaults() {
    String read = "@%p2 ld.shared.u32 %r12, [%r11];\n";
    assertRuns(copy(128, 0, 64) + waiting(0) + read);
    assertFault(
        copy(128, 0, 64) + read,
        "reads shared memory at tile+128 while a bulk copy of the barrier at tile+0 into it has not"
            + " landed: the barrier at tile+0 in phase 0: 0 of 1 arrivals and 64 bytes are"
            + " missing");
    assertFault(
        copy(128, 0, 64) + "@%p3 st.shared.u32 [%r11], 1;\n", "writes shared memory at tile+128");
    assertFault(copy(128, 0, 64), "ends its block while a bulk copy of the barrier at tile+0");
    String used = "mov.u32 %r14, tile;\n add.s32 %r14, %r14, %r3;\n st.shared.u32 [%r14+256], 1;\n";
    assertFault(
        used + copy(256, 0, 64) + waiting(0),
        "overwrites shared memory at tile+256 by a bulk copy",
        "there is no fence.proxy.async between them");
    assertRuns(used + "fence.proxy.async;\n" + copy(256, 0, 64) + waiting(0));
  }

  @Test
  @DisplayName("bulk copies of what is not aligned, not a multiple of 16 bytes, or not there")
  void bulkCopyLimits() {
    assertFault(copy(136, 0, 64) + waiting(0), "a multiple of 16 is needed, at a multiple of 16");
    assertFault(copy(128, 8, 64) + waiting(0), "misaligned");
    assertFault(copy(128, 0, 24) + waiting(0), "copies 24 bytes");
    assertFault(copy(128, 992, 64) + waiting(0), "copies from global memory: 64 bytes");
    assertFault(copy(992, 0, 64) + waiting(0), "64 bytes of shared memory");
    assertFault(
        copy(128, 0, 64).replace("[%rd3]", "[%rd2]") + waiting(0), "that nobody has written");
  }

  @Test
  @DisplayName("a barrier that copies may not have seen initialised")
  void missingFence() {
    String without =
        copy(128, 0, 64).replace("fence.mbarrier_init.release.cluster", "nanosleep.u32 1");
    assertFault(without + waiting(0), "there is no fence.mbarrier_init or fence.proxy.async");
    assertRuns(copy(128, 0, 64) + waiting(0));
    assertRuns(without.replace("nanosleep.u32 1", "fence.proxy.async") + waiting(0));
  }

  @Test
  @DisplayName("the state of a phase that is long over")
  void oldState() {
    String code =
        initialise(1)
            + """
            @%p1 mbarrier.arrive.shared::cta.b64 %rd3, [%r10];
            @%p1 mbarrier.arrive.shared::cta.b64 %rd4, [%r10];
            @%p1 mbarrier.test_wait.shared::cta.b64 %p4, [%r10], STATE;
            """;
    assertThatThrownBy(() -> Planted.run(code.replace("STATE", "%rd3"), 64))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("about phase 0, long over");
    assertRuns(code.replace("STATE", "%rd4"));
  }
}
