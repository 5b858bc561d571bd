package dev.fovea.kernels.cuda.interpreter;

import static dev.fovea.kernels.cuda.interpreter.Planted.assertFault;
import static dev.fovea.kernels.cuda.interpreter.Planted.assertRuns;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Planted mistakes of threads that meet in shared memory, each of which is found, beside the same
 * kernel without the mistake.
 */
class SharedMemoryFaultsTest {

  private static final String STORE_OWN =
      """
      mov.u32 %r10, tile;
      add.s32 %r11, %r10, %r3;
      st.shared.u32 [%r11], %r1;
      """;

  /** Address of what the thread with the other warp's same lane has stored. */
  private static final String OTHERS_PLACE =
      """
      xor.b32 %r12, %r3, 128;
      add.s32 %r13, %r10, %r12;
      """;

  private static final String COPY_ASYNC =
      """
      mov.u32 %r10, tile;
      shl.b32 %r11, %r1, 4;
      add.s32 %r12, %r10, %r11;
      cvt.u64.u32 %rd3, %r11;
      add.s64 %rd4, %rd1, %rd3;
      cp.async.cg.shared.global [%r12], [%rd4], 16;
      cp.async.commit_group;
      """;

  @Test
  @DisplayName("reading what another warp has written, without a barrier")
  void readAfterWrite() {
    String read = "setp.ge.u32 %p1, %r1, 32;\n @%p1 ld.shared.u32 %r14, [%r13];\n";
    assertFault(
        STORE_OWN + OTHERS_PLACE + read,
        "`@%p1 ld.shared.u32 %r14, [%r13];`, block (0, 0, 0), warp 1, lane 0 (thread 32)",
        "race: reads shared memory at tile+0 that thread 0 (warp 0) has written");
    assertRuns(STORE_OWN + OTHERS_PLACE + "bar.sync 0;\n" + read);
  }

  @Test
  @DisplayName("overwriting what another warp may not have read yet")
  void writeAfterRead() {
    String read = "bar.sync 0;\n ld.shared.u32 %r14, [%r13];\n";
    String write = "setp.lt.u32 %p1, %r1, 32;\n @%p1 st.shared.u32 [%r11], %r14;\n";
    assertFault(
        STORE_OWN + OTHERS_PLACE + read + write,
        "warp 0, lane 0",
        "race: writes shared memory at tile+0 that warp 1 reads");
    assertRuns(STORE_OWN + OTHERS_PLACE + read + "bar.sync 0;\n" + write);
  }

  @Test
  @DisplayName("two warps that write the same place")
  void writeAfterWrite() {
    String write = "setp.ge.u32 %p1, %r1, 32;\n @%p1 st.shared.u32 [%r13], %r1;\n";
    assertFault(
        STORE_OWN + OTHERS_PLACE + write,
        "race: writes shared memory at tile+0 that thread 0 (warp 0) has written");
    assertRuns(STORE_OWN + OTHERS_PLACE + "bar.sync 0;\n" + write);
  }

  @Test
  @DisplayName("lanes of a warp that meet in shared memory without a barrier of the warp")
  void raceWithinWarp() {
    String neighbour = "xor.b32 %r12, %r3, 4;\n add.s32 %r13, %r10, %r12;\n";
    String read = "ld.shared.u32 %r14, [%r13];\n";
    assertFault(
        STORE_OWN + neighbour + read,
        "lane 0",
        "race: reads shared memory at tile+4 that thread 1 (warp 0) has written");
    assertRuns(STORE_OWN + neighbour + "bar.warp.sync 0xffffffff;\n" + read);
  }

  @Test
  @DisplayName("neighbouring bytes that different warps write do not race")
  void neighbours() {
    assertRuns(
        """
        mov.u32 %r10, tile;
        shl.b32 %r11, %r2, 1;
        shr.u32 %r12, %r1, 5;
        add.s32 %r13, %r11, %r12;
        add.s32 %r14, %r10, %r13;
        st.shared.u8 [%r14], %r1;
        """);
  }

  @Test
  @DisplayName("atomics on the same word do not race with each other, but with a plain read")
  void atomics() {
    String count =
        """
        mov.u32 %r10, tile;
        setp.eq.u32 %p1, %r1, 0;
        @%p1 st.shared.u32 [%r10], 0;
        bar.sync 0;
        atom.shared.add.u32 %r11, [%r10], 1;
        """;
    assertRuns(count + "bar.sync 0;\n ld.shared.u32 %r12, [%r10];\n");
    assertFault(
        count + "ld.shared.u32 %r12, [%r10];\n",
        "race: writes shared memory at tile+0 that warp 1 reads");
  }

  @Test
  @DisplayName("reading what an asynchronous copy brings, without waiting for it")
  void missingWait() {
    String read = "ld.shared.u32 %r14, [%r12];\n";
    assertFault(
        COPY_ASYNC + read,
        "reads shared memory at tile+0 while an asynchronous copy of thread 0 (warp 0) into it has"
            + " not been waited for");
    assertFault(COPY_ASYNC + "cp.async.wait_group 1;\n" + read, "has not been waited for");
    assertRuns(COPY_ASYNC + "cp.async.wait_group 0;\n" + read);
    assertRuns(COPY_ASYNC + "cp.async.wait_all;\n" + read);
  }

  @Test
  @DisplayName("overwriting the target of an asynchronous copy that is on its way")
  void overwritingPendingCopy() {
    String write = "st.shared.u32 [%r12], %r1;\n";
    assertFault(
        COPY_ASYNC + write,
        "writes shared memory at tile+0 while an asynchronous copy of thread 0 (warp 0) into it has"
            + " not been waited for");
    assertRuns(COPY_ASYNC + "cp.async.wait_all;\n" + write);
  }

  @Test
  @DisplayName(
      "reading what another thread's asynchronous copy brought, without a barrier after the wait")
  void missingBarrierAfterWait() {
    String read =
        "setp.ge.u32 %p1, %r1, 32;\n xor.b32 %r13, %r12, 512;\n @%p1 ld.shared.u32 %r14, [%r13];\n";
    String wait = "cp.async.wait_all;\n";
    assertFault(
        COPY_ASYNC + wait + read,
        "race: reads shared memory at tile+0 that thread 0 (warp 0) has written");
    assertFault(COPY_ASYNC + "bar.sync 0;\n" + wait + read, "waited for");
    assertRuns(COPY_ASYNC + wait + "bar.sync 0;\n" + read);
  }

  @Test
  @DisplayName(
      "ldmatrix of a part of a warp, and without the barrier that lanes of one warp need as well")
  void matrixLoads() {
    String load = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r20}, [%r21];\n";
    String address = "and.b32 %r22, %r2, 7;\n shl.b32 %r22, %r22, 4;\n add.s32 %r21, %r10, %r22;\n";
    assertFault(STORE_OWN + address + load, "race: reads shared memory");
    assertFault(
        STORE_OWN + address + "bar.sync 0;\n setp.lt.u32 %p1, %r2, 16;\n @%p1 " + load,
        "needs all 32 lanes of the warp, but only 0000ffff are there");
    assertRuns(STORE_OWN + address + "bar.sync 0;\n" + load);
  }
}
