package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.cuda.driver.CudaException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Blocks of a cluster: their names, their barrier, each other's memory. */
class ClusterTest {

  /** Each block writes its rank plus 10 to {@code tile}; {@code %r11} is the other's tile. */
  private static final String START =
      """
      mov.u32 %r10, tile;
      mov.u32 %r12, %cluster_ctarank;
      add.s32 %r13, %r12, 10;
      setp.eq.u32 %p1, %r1, 0;
      @%p1 st.shared.u32 [%r10], %r13;
      xor.b32 %r14, %r12, 1;
      mapa.shared::cluster.u32 %r11, %r10, %r14;
      """;

  private static final String BARRIER =
      "barrier.cluster.arrive.aligned;\n barrier.cluster.wait.aligned;\n";

  private static final String READ = "ld.shared::cluster.u32 %r15, [%r11];\n";

  /** One number of each block of the grid. */
  private static final String STORE =
      """
      mov.u32 %r20, %ctaid.x;
      mul.wide.u32 %rd3, %r20, 4;
      add.s64 %rd3, %rd3, %rd2;
      @%p1 st.global.u32 [%rd3], %r15;
      """;

  private static KernelBench bench(String instructions) {
    String module =
        Snippet.module(instructions)
            .replace(".maxntid 128, 1, 1", ".maxntid 128, 1, 1\n.reqnctapercluster 2, 1, 1");
    return new KernelBench(new InterpretedDriver(Snippet.HOPPER), module);
  }

  private static int[] run(String instructions, int blocks) {
    try (KernelBench bench = bench(instructions)) {
      long output = bench.allocate(4 * blocks);
      bench.run("snippet", blocks, 64, 0, bench.arguments().address(0).address(output));
      return bench.ints(output, blocks);
    }
  }

  private static void assertFault(String instructions, String... parts) {
    assertThatThrownBy(() -> run(instructions + "mov.u32 %r15, 0;\n" + STORE, 2))
        .isInstanceOf(CudaException.class)
        .hasMessageContainingAll(parts);
  }

  private static void assertRuns(String instructions) {
    assertThatCode(() -> run(instructions + "mov.u32 %r15, 0;\n" + STORE, 2))
        .doesNotThrowAnyException();
  }

  @Test
  @DisplayName("a block reads what the other has written, by a mapped and by a generic address")
  void reading() {
    assertThat(run(START + BARRIER + READ + BARRIER + STORE, 4)).containsExactly(11, 10, 11, 10);
    String generic =
        """
        cvta.shared.u64 %rd4, %rd5;
        mapa.u64 %rd6, %rd4, %r14;
        ld.u32 %r15, [%rd6];
        isspacep.shared::cta %p2, %rd6;
        isspacep.shared::cluster %p3, %rd6;
        getctarank.u32 %r16, %rd6;
        @%p2 trap;
        @!%p3 trap;
        setp.ne.u32 %p4, %r16, %r14;
        @%p4 trap;
        """;
    assertThat(run(START + "cvt.u64.u32 %rd5, %r10;\n" + BARRIER + generic + BARRIER + STORE, 2))
        .containsExactly(11, 10);
  }

  @Test
  @DisplayName("places of blocks in clusters and of clusters in the grid")
  void places() {
    String place =
        """
        mov.u32 %r21, %clusterid.x;
        mov.u32 %r22, %nclusterid.x;
        mov.u32 %r23, %cluster_ctaid.x;
        mov.u32 %r24, %cluster_nctaid.x;
        mov.u32 %r25, %cluster_nctarank;
        mad.lo.s32 %r15, %r21, 10, %r22;
        mad.lo.s32 %r15, %r15, 10, %r23;
        mad.lo.s32 %r15, %r15, 10, %r24;
        mad.lo.s32 %r15, %r15, 10, %r25;
        setp.eq.u32 %p1, %r1, 0;
        """;
    assertThat(run(place + STORE, 6)).containsExactly(3022, 3122, 13022, 13122, 23022, 23122);
    assertThatThrownBy(() -> run(place + STORE, 3))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining(
            "takes grids of whole clusters of 2 x 1 x 1 blocks, but was launched with 3 x 1 x 1");
  }

  @Test
  @DisplayName("reading the other's memory too early, or when it may have exited")
  void readingFaults() {
    assertFault(START + READ + BARRIER, "reads shared memory at tile+0 that nobody has written");
    assertFault(START + "bar.sync 0;\n" + READ + BARRIER, "shared memory at tile+0");
    assertFault(
        START + BARRIER.replace("arrive.", "arrive.relaxed.") + READ + BARRIER,
        "race: reads shared memory at tile+0 that thread 0 (warp 0 of block ");
    assertFault(START + BARRIER + READ, "ends its block, whose shared memory warp", "touches");
    String exits = "setp.eq.u32 %p2, %r12, 1;\n @%p2 exit;\n";
    assertFault(
        START + exits + BARRIER + READ,
        "touches the shared memory of block 1 of the cluster, which has exited");
    assertRuns(START + BARRIER + READ + BARRIER);
  }

  @Test
  @DisplayName("arriving at the other's barrier, which releases it")
  void remoteArrival() {
    String initialise =
        """
        @%p1 mbarrier.init.shared::cta.b64 [%r10+64], 1;
        @%p1 fence.mbarrier_init.release.cluster;
        """;
    String exchange =
        """
        @%p1 st.shared::cluster.u32 [%r11+4], %r12;
        @%p1 mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r11+64];
        wait: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r10+64], 0;
        @!%p2 bra wait;
        ld.shared.u32 %r15, [%r10+4];
        """;
    assertThat(run(START + initialise + BARRIER + exchange + BARRIER + STORE, 2))
        .containsExactly(1, 0);
    assertThat(run(START + initialise + BARRIER + exchange + STORE, 2)).containsExactly(1, 0);
    assertFault(START + initialise + exchange + BARRIER, "barrier at tile+64");
  }

  @Test
  @DisplayName("the barrier of the cluster out of turn")
  void barrierFaults() {
    assertFault("barrier.cluster.wait.aligned;\n", "without having arrived");
    assertFault(
        "barrier.cluster.arrive.aligned;\n barrier.cluster.arrive.aligned;\n",
        "without having waited");
    String first = "setp.lt.u32 %p2, %r1, 32;\n @%p2 bra on;\n";
    assertFault(
        first + BARRIER + "on: bar.sync 0;\n",
        "deadlock",
        "at the barrier of the cluster, which others do not reach");
    assertFault("mov.u32 %r12, 5;\n mapa.shared::cluster.u32 %r11, %r12, 2;\n", "block 2");
  }
}
