package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Planted mistakes of four warps that multiply, each beside its twin without the mistake. */
class WarpGroupFaultsTest {

  /** Operands are zeros in {@code tile}, without a swizzle; {@code %rd5} describes both. */
  private static final String OPERANDS =
      """
      mov.u32 %r10, tile;
      shl.b32 %r11, %r1, 4;
      and.b32 %r11, %r11, 1008;
      add.s32 %r11, %r11, %r10;
      mov.u32 %r12, 0;
      setp.lt.u32 %p1, %r1, 64;
      @%p1 st.shared.v4.u32 [%r11], {%r12, %r12, %r12, %r12};
      fence.proxy.async;
      bar.sync 0;
      shr.u32 %r13, %r10, 4;
      cvt.u64.u32 %rd5, %r13;
      or.b64 %rd5, %rd5, 0x800000000;
      mov.f32 %f1, 0f00000000;
      mov.f32 %f2, 0f00000000;
      mov.f32 %f3, 0f00000000;
      mov.f32 %f4, 0f00000000;
      """;

  private static final String FENCE = "wgmma.fence.sync.aligned;\n";
  private static final String COMMIT = "wgmma.commit_group.sync.aligned;\n";
  private static final String WAIT = "wgmma.wait_group.sync.aligned 0;\n";
  private static final String WAIT_BUT_ONE = "wgmma.wait_group.sync.aligned 1;\n";

  private static final String IN_REGISTERS =
      "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16"
          + " {%f1, %f2, %f3, %f4}, {%r20, %r21, %r22, %r23}, %rd5, 1, 1, 1, 0;\n";

  private static final String LEFT =
      "mov.u32 %r20, 0;\n mov.u32 %r21, 0;\n mov.u32 %r22, 0;\n mov.u32 %r23, 0;\n";

  private static void run(String instructions, int threads) {
    String all = OPERANDS + LEFT + instructions;
    try (KernelBench bench = Snippet.bench(all)) {
      Snippet.run(bench, threads, 0, 0, 0);
    }
  }

  private static void assertFault(String instructions, String... parts) {
    assertThatThrownBy(() -> run(instructions, 128))
        .isInstanceOf(CudaException.class)
        .hasMessageContainingAll(parts);
  }

  private static void assertRuns(String instructions) {
    assertThatCode(() -> run(instructions, 128)).doesNotThrowAnyException();
  }

  @Test
  @DisplayName("registers of a product in flight that are read or written")
  void registersInFlight() {
    String product = FENCE + IN_REGISTERS + COMMIT;
    String read = "mov.f32 %f5, %f1;\n";
    assertRuns(product + WAIT + read);
    assertFault(
        product + WAIT_BUT_ONE + read, "reads the register %f1, which a wgmma in flight writes");
    assertRuns(product + product + WAIT_BUT_ONE + WAIT);
    assertFault(
        product + "mov.f32 %f1, 0f00000000;\n", "writes the register %f1, which a wgmma in flight");
    assertFault(
        product + "mov.u32 %r21, 1;\n", "writes the register %r21, which a wgmma in flight reads");
    assertRuns(product + "mov.u32 %r30, %r21;\n" + WAIT);
    assertFault(FENCE + IN_REGISTERS + WAIT + read, "there is no wgmma.wait_group between them");
  }

  @Test
  @DisplayName("a product without a fence behind what other instructions do to its registers")
  void missingFence() {
    String product = IN_REGISTERS + COMMIT + WAIT;
    String change = "mov.u32 %r20, 1;\n";
    assertFault(product, "there is no wgmma.fence between them");
    assertFault(
        FENCE + product + change + product,
        "uses the register %r20, which an instruction before has used");
    assertRuns(FENCE + product + change + FENCE + product);
    assertRuns(FENCE + product + product);
  }

  @Test
  @DisplayName("a product that not all four warps compute, or not the same")
  void partOfTheGroup() {
    String product = FENCE + IN_REGISTERS + COMMIT + WAIT;
    String last = "setp.ge.u32 %p2, %r1, 96;\n @%p2 bra on;\n";
    assertFault(last + product + "on:\n", "for the other warps of its group, of which 3 have come");
    assertFault("@%p1 add.s64 %rd5, %rd5, 1;\n" + product, "but other warps of its group are at");
    assertThatThrownBy(() -> run(product, 96))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("needs four warps");
    assertFault(
        "setp.lt.u32 %p2, %r2, 16;\n @%p2 bra on;\n" + product + "on:\n",
        "needs all 32 lanes of the warp");
    assertFault("cvt.u64.u32 %rd6, %r2;\n add.s64 %rd5, %rd5, %rd6;\n" + product, "descriptor is");
  }

  @Test
  @DisplayName("an exit before the product is known to be over")
  void exit() {
    assertFault(FENCE + IN_REGISTERS + COMMIT, "exits while a wgmma is in flight");
    assertFault(FENCE + IN_REGISTERS + WAIT, "exits while a wgmma is in flight");
  }

  @Test
  @DisplayName("an operand that ordinary stores have written, without a fence between the ways")
  void missingProxyFence() {
    String product = FENCE + IN_REGISTERS + COMMIT + WAIT;
    String write = "@%p1 st.shared.v4.u32 [%r11], {%r12, %r12, %r12, %r12};\n";
    assertFault(
        write + "bar.sync 0;\n" + product, "there is no fence.proxy.async between them", "tile+");
    assertRuns(write + "fence.proxy.async;\n bar.sync 0;\n" + product);
    assertRuns(write + "bar.sync 0;\n fence.proxy.async;\n" + product);
    assertFault(write + "fence.proxy.async;\n" + product, "race: reads shared memory at tile+");
  }

  @Test
  @DisplayName("registers that are given away and asked for")
  void registers() {
    String less = "setmaxnreg.dec.sync.aligned.u32 40;\n";
    String more = "setmaxnreg.inc.sync.aligned.u32 232;\n";
    assertRuns(less + more);
    assertFault(more, "changes the wrong way");
    assertThatThrownBy(() -> run(less.replace("40", "44"), 128))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("anything but 24, 32, ..., 256 registers is not known");
    String choose = "setp.lt.u32 %p2, %r1, 32;\n @%p2 bra first;\n";
    assertFault(
        choose + less + "bra on;\n first: setmaxnreg.dec.sync.aligned.u32 48;\n on:\n",
        "registers, but another warp of its group for");
  }
}
