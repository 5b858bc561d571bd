package dev.fovea.kernels.cuda.interpreter;

import static dev.fovea.kernels.cuda.interpreter.Planted.assertFault;
import static dev.fovea.kernels.cuda.interpreter.Planted.assertRuns;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Planted mistakes, each of which is found, beside the same kernel without the mistake, which runs.
 */
class FaultsTest {

  private static final String STORE_OWN =
      """
      mov.u32 %r10, tile;
      add.s32 %r11, %r10, %r3;
      st.shared.u32 [%r11], %r1;
      """;

  @Test
  @DisplayName("global memory outside of an allocation")
  void globalOutOfBounds() {
    String add =
        "mul.wide.u32 %rd3, %r1, %s;\n add.s64 %rd4, %rd1, %rd3;\n ld.global.u32 %r10, [%rd4];\n";
    assertFault(
        add.replace("%s", "32"),
        "warp 1, lane 0 (thread 32)",
        "reads global memory: 4 bytes at",
        "they start 1024 bytes into an allocation of 1024 bytes");
    assertFault(
        "ld.global.u32 %r10, [%rd1+-4];\n",
        "they start 4 bytes before an allocation of 1024 bytes");
    assertFault("mov.u64 %rd3, 0;\n ld.global.u32 %r10, [%rd3];\n", "no allocation is near");
    assertRuns(add.replace("%s", "16"));
  }

  @Test
  @DisplayName("shared memory outside of the variables and of what the launch asked for")
  void sharedOutOfBounds() {
    assertFault(
        "mov.u32 %r10, tile;\n st.shared.u32 [%r10+1024], %r1;\n",
        "4 bytes of shared memory at 0x800 are out of bounds",
        "they are in none of the kernel's shared variables");
    assertFault(
        "mov.u32 %r10, dynamic;\n st.shared.u32 [%r10], %r1;\n",
        "they start 0 bytes into the 0 bytes that the launch asked for");
    assertRuns(
        "setp.eq.u32 %p1, %r1, 0;\n mov.u32 %r10, tile;\n @%p1 st.shared.u32 [%r10+1020], %r1;\n");
  }

  @Test
  @DisplayName("reading memory that nobody has written")
  void uninitialisedMemory() {
    assertFault(
        "ld.global.u32 %r10, [%rd2];\n",
        "reads 4 bytes of global memory at",
        "0 bytes into an allocation of 1024, that nobody has written");
    assertFault(
        "mov.u32 %r10, tile;\n ld.shared.u32 %r11, [%r10+16];\n",
        "reads shared memory at tile+16 that nobody has written yet");
    assertRuns("st.global.u32 [%rd2], 7;\n ld.global.u32 %r10, [%rd2];\n");
    assertRuns(STORE_OWN + "ld.shared.u32 %r12, [%r11];\n");
  }

  @Test
  @DisplayName("an asynchronous copy from memory that nobody has written, unless it reads nothing")
  void uninitialisedSource() {
    String copy =
        """
        mov.u32 %r10, tile;
        shl.b32 %r11, %r1, 4;
        add.s32 %r12, %r10, %r11;
        cp.async.cg.shared.global [%r12], [%rd2], 16, %s;
        cp.async.wait_all;
        ld.shared.u32 %r13, [%r12];
        """;
    assertFault(copy.replace("%s", "4"), "copies 4 bytes of global memory", "nobody has written");
    assertRuns(copy.replace("%s", "0"));
  }

  @Test
  @DisplayName("reading a register that has not been set, in any of the lanes that read it")
  void uninitialisedRegister() {
    String guarded = "setp.lt.u32 %p1, %r1, 40;\n @%p1 mov.u32 %r10, 1;\n";
    assertFault(
        guarded + "add.s32 %r11, %r10, 1;\n",
        "warp 1, lane 8 (thread 40): reads the register %r10, which has not been set");
    assertRuns(guarded + "@%p1 add.s32 %r11, %r10, 1;\n");
    assertRuns(
        guarded + "mov.u32 %r12, %r10;\n selp.b32 %r13, %r12, 0, %p1;\n add.s32 %r14, %r13, 1;\n");
    assertFault(guarded + "mov.u32 %r12, %r10;\n add.s32 %r14, %r12, 1;\n", "the register %r12");
    assertFault("@%p2 mov.u32 %r10, 1;\n", "the register %p2");
  }

  @Test
  @DisplayName("accesses that are not aligned to their size")
  void misalignment() {
    assertFault(
        "ld.global.u32 %r10, [%rd1+2];\n", "reads 4 bytes of global memory at", "misaligned");
    assertFault(
        "mov.u32 %r10, tile;\n st.shared.v2.u32 [%r10+4], {%r1, %r1};\n",
        "8 bytes of shared memory at 0x404 are misaligned");
    assertRuns("ld.global.u32 %r10, [%rd1+4];\n");
  }

  @Test
  @DisplayName("a barrier that the lanes of a warp reach on different ways")
  void divergentBarrier() {
    String test = "setp.lt.u32 %p1, %r2, 16;\n";
    assertFault(
        test + "@%p1 bra there;\n bar.sync 0;\n bra on;\n there: bar.sync 0;\n on:\n",
        "is executed by the lanes",
        "have to take part and wait elsewhere");
    assertRuns(test + "@%p1 bra there;\n mov.u32 %r10, 1;\n there: bar.sync 0;\n");
  }

  @Test
  @DisplayName("a barrier after some threads have exited")
  void barrierAfterExit() {
    assertFault(
        "setp.eq.u32 %p1, %r1, 63;\n @%p1 exit;\n bar.sync 0;\n",
        "waits for all threads at a barrier, but lane 31 of warp 1 has exited");
    assertFault(
        "setp.ge.u32 %p1, %r1, 32;\n @%p1 exit;\n bar.sync 0;\n",
        "waits for all threads at a barrier, but lane 0 of warp 1 has exited");
    assertRuns("bar.sync 0;\n setp.eq.u32 %p1, %r1, 63;\n @%p1 exit;\n");
    assertRuns("setp.ge.u32 %p1, %r1, 32;\n @%p1 exit;\n bar.sync 0, 32;\n");
  }

  @Test
  @DisplayName("warps that wait at different barriers, or for more threads than there are")
  void deadlockAtBarriers() {
    String choose = "setp.ge.u32 %p1, %r1, 32;\n @%p1 bra second;\n ";
    assertFault(
        choose + "bar.sync 1;\n bra on;\n second: bar.sync 2;\n on:\n",
        "deadlock: no warp of the block can go on; this one waits at a barrier that others do not"
            + " reach");
    assertFault("bar.sync 1, 128;\n", "deadlock");
    assertRuns(choose + "bar.sync 1;\n bra on;\n second: bar.sync 1;\n on:\n");
    assertRuns(choose + "bar.sync 1, 64;\n bra on;\n second: bar.arrive 1, 64;\n on:\n");
  }

  @Test
  @DisplayName("waiting for a flag that nobody sets")
  void deadlockAtFlag() {
    String initialise =
        """
        mov.u32 %r10, tile;
        setp.eq.u32 %p1, %r1, 0;
        @%p1 st.shared.u32 [%r10], 0;
        bar.sync 0;
        setp.lt.u32 %p2, %r1, 32;
        @!%p2 bra producer;
        spin: ld.volatile.shared.u32 %r11, [%r10];
        setp.ne.u32 %p3, %r11, 1;
        @%p3 bra spin;
        bra on;
        producer:
        """;
    assertFault(
        initialise + "on:\n",
        "deadlock: no warp of the block can go on; this one waits for a change in memory that never"
            + " comes");
    assertRuns(
        initialise + "setp.eq.u32 %p4, %r2, 0;\n @%p4 st.volatile.shared.u32 [%r10], 1;\n on:\n");
  }

  @Test
  @DisplayName("lanes that wait for other lanes of their warp get on, as long as those do")
  void lockWithinWarp() {
    String lock =
        """
        mov.u32 %r10, tile;
        setp.eq.u32 %p1, %r1, 0;
        @%p1 st.shared.u32 [%r10], 0;
        bar.sync 0;
        take: atom.shared.cas.b32 %r11, [%r10], 0, 1;
        setp.ne.u32 %p2, %r11, 0;
        @%p2 bra take;
        %s
        """;
    assertRuns(lock.replace("%s", "atom.shared.exch.b32 %r12, [%r10], 0;\n"));
    assertFault(lock.replace("%s", ""), "deadlock");
  }

  @Test
  @DisplayName("lanes that exchange registers with lanes that do not take part")
  void missingPartners() {
    String half = "setp.lt.u32 %p1, %r2, 16;\n @!%p1 bra on;\n ";
    assertFault(
        half
            + "shfl.sync.bfly.b32 %r10, %r1, 1, 31, 0xffffffff;\n"
            + " bra done;\n"
            + " on: bar.sync 0;\n"
            + " done:\n",
        "is executed by the lanes ffff0000, but the lanes 0000ffff have to take part");
    assertFault(
        half + "shfl.sync.bfly.b32 %r10, %r1, 16, 31, 0x0000ffff;\n on:\n",
        "reads from lane 16, which does not take part");
    assertFault(
        half + "shfl.sync.bfly.b32 %r10, %r1, 1, 31, 0x000000ff;\n on:\n",
        "lane 8 (thread 8): is not in its own mask of members, 000000ff");
    assertRuns(half + "shfl.sync.bfly.b32 %r10, %r1, 1, 31, 0x0000ffff;\n on:\n");
  }

  @Test
  @DisplayName("a loop without end is not taken for a long one")
  void longLoop() {
    assertRuns(
        """
        mov.u32 %r10, 0;
        more: add.s32 %r10, %r10, 1;
        setp.lt.u32 %p1, %r10, 5000;
        @%p1 bra more;
        """);
    assertFault("more: bra more;\n", "deadlock");
  }

  @Test
  @DisplayName("instructions that are not known are refused before anything runs")
  void unknownInstruction() {
    assertThatThrownBy(() -> Planted.run("tcgen05.fence::before_thread_sync;\n", 64))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("`tcgen05.fence::before_thread_sync;`: the instruction is not known");
    assertThatThrownBy(() -> Planted.run("ld.global.newhint.u32 %r10, [%rd1];\n", 64))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("the modifiers [newhint] are not known");
  }

  @Test
  @DisplayName("launches that do not fit the kernel")
  void launches() {
    assertThatThrownBy(() -> Planted.run("", 256))
        .isInstanceOf(CudaException.class)
        .hasMessage(
            "kernel snippet takes blocks of at most 128 threads, but was launched with 256"
                + " threads");
    try (KernelBench bench = Snippet.bench("")) {
      assertThatThrownBy(() -> bench.run("snippet", 1, 32, 0, bench.arguments().address(1)))
          .isInstanceOf(CudaException.class)
          .hasMessage("kernel snippet takes 16 bytes of parameters, but was launched with 8 bytes");
      assertThatThrownBy(() -> Snippet.run(bench, 32, 163 * 1024, 0, 0))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("needs 167936 bytes of shared memory, but a block can have 166912");
    }
  }

  @Test
  @DisplayName("what depends on the order of blocks gives something else in another order")
  void orderOfBlocks() {
    String code = "mov.u32 %r10, %ctaid.x;\n st.global.u32 [%rd2], %r10;\n";
    Set<Integer> results = new HashSet<>();
    for (long seed = 0; seed < 8; seed++) {
      try (KernelBench bench = Snippet.bench(code)) {
        if (seed > 0) {
          bench.driver.shuffle(seed);
        }
        long output = bench.allocate(4);
        bench.run("snippet", 16, 1, 0, bench.arguments().address(0).address(output));
        results.add(bench.ints(output, 1)[0]);
      }
    }
    assertThat(results).contains(15).hasSizeGreaterThan(3);
  }
}
