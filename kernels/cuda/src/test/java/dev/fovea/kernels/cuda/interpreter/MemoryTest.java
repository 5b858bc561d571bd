package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.cuda.driver.Arguments;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The spaces of memory, the sizes of accesses, atomics, asynchronous copies. */
class MemoryTest {

  private static final String STORE =
      "mul.wide.u32 %rd3, %r1, 4;\n add.s64 %rd4, %rd2, %rd3;\n st.global.u32 [%rd4], %r10;\n";

  private static int[] run(String instructions, String others, int... input) {
    try (KernelBench bench = Snippet.bench(instructions + STORE, others)) {
      long output = bench.allocate(128);
      Snippet.run(bench, 32, 0, bench.upload(input), output);
      return bench.ints(output, 32);
    }
  }

  @Test
  @DisplayName("small numbers are extended when they are loaded, and cut off when they are stored")
  void sizes() {
    String code =
        """
        ld.global.s8 %r11, [%rd1];
        ld.global.u8 %r12, [%rd1];
        ld.global.s16 %r13, [%rd1];
        ld.global.b16 %rs1, [%rd1];
        cvt.u32.u16 %r14, %rs1;
        ld.global.s8 %rs2, [%rd1];
        cvt.s32.s16 %r15, %rs2;
        ld.global.v2.u8 {%rs3, %rs4}, [%rd1];
        mov.b32 %r16, {%rs3, %rs4};
        ld.global.v4.u32 {%r17, %r18, %r19, %r20}, [%rd1];
        mov.b64 %rd5, {%r17, %r20};
        mov.b64 {_, %r21}, %rd5;
        st.global.v4.u32 [%rd2], {%r11, %r12, %r13, %r14};
        st.global.v2.u32 [%rd2+16], {%r15, %r16};
        st.global.u32 [%rd2+24], %r21;
        st.global.u8 [%rd2+28], %r17;
        st.global.u8 [%rd2+29], 0;
        st.global.u16 [%rd2+30], %rs1;
        """;
    int[] input = {0x1234f680, 2, 3, 4};
    try (KernelBench bench = Snippet.bench(code)) {
      long output = bench.allocate(32);
      Snippet.run(bench, 1, 0, bench.upload(input), output);
      assertThat(bench.ints(output, 8))
          .containsExactly(-128, 0x80, (short) 0xf680, 0xf680, -128, 0x00f60080, 4, 0xf6800080);
    }
  }

  @Test
  @DisplayName("generic addresses of shared, local, global and constant memory and of parameters")
  void genericAddresses() {
    String code =
        """
        .local .align 8 .b8 own[16];
        mov.u32 %r10, tile;
        add.s32 %r11, %r10, %r3;
        st.shared.u32 [%r11], %r2;
        cvt.u64.u32 %rd5, %r11;
        cvta.shared.u64 %rd6, %rd5;
        ld.u32 %r12, [%rd6];
        mov.u64 %rd7, own;
        cvta.local.u64 %rd8, %rd7;
        add.s32 %r13, %r2, 100;
        st.u32 [%rd8+8], %r13;
        ld.local.u32 %r14, [%rd7+8];
        mov.u64 %rd9, table;
        cvta.const.u64 %rd10, %rd9;
        ld.u32 %r15, [%rd10+4];
        ld.const.u32 %r16, [table+8];
        mov.u64 %rd11, counter;
        cvta.global.u64 %rd12, %rd11;
        ld.u32 %r17, [%rd12];
        cvta.to.shared.u64 %rd13, %rd6;
        cvt.u32.u64 %r18, %rd13;
        ld.shared.u32 %r19, [%r18];
        mov.b64 %rd14, snippet_param_0;
        ld.param.u64 %rd15, [%rd14+8];
        sub.s64 %rd16, %rd15, %rd2;
        cvt.u32.u64 %r20, %rd16;
        add.s32 %r10, %r12, %r14;
        add.s32 %r10, %r10, %r15;
        add.s32 %r10, %r10, %r16;
        add.s32 %r10, %r10, %r17;
        add.s32 %r10, %r10, %r19;
        add.s32 %r10, %r10, %r20;
        """;
    String variables =
        """
        .const .align 4 .u32 table[3] = {1000, 2000, 4000};
        .global .align 4 .u32 counter = 8000;
        """;
    int[] actual = run(code, variables, 0);
    for (int lane = 0; lane < 32; lane++) {
      assertThat(actual[lane]).isEqualTo(lane + 100 + lane + 2000 + 4000 + 8000 + lane);
    }
  }

  @Test
  @DisplayName("atomics give every lane the number before, one lane after another")
  void atomics() {
    String code =
        """
        atom.global.add.u32 %r10, [%rd1], 2;
        atom.global.inc.u32 %r11, [%rd1+4], 4;
        atom.global.max.s32 %r12, [%rd1+8], %r2;
        atom.global.cas.b32 %r13, [%rd1+12], 7, %r2;
        atom.global.exch.b32 %r14, [%rd1+16], %r2;
        red.global.add.f32 [%rd1+20], 0f3F000000;
        atom.global.dec.u32 %r15, [%rd1+24], 2;
        red.relaxed.gpu.global.and.b32 [%rd1+28], 0xfffffffe;
        """;
    int[] input = {10, 3, -5, 7, 1, Float.floatToIntBits(1), 1, 15};
    try (KernelBench bench = Snippet.bench(code + STORE)) {
      long output = bench.allocate(128);
      long counters = bench.upload(input);
      Snippet.run(bench, 32, 0, counters, output);
      int[] before = bench.ints(output, 32);
      for (int lane = 0; lane < 32; lane++) {
        assertThat(before[lane]).isEqualTo(10 + 2 * lane);
      }
      // inc wraps after 4: 3, 4, 0, 1, ...; dec wraps below 0: 1, 0, 2, 1, ...
      assertThat(bench.ints(counters, 8))
          .containsExactly(10 + 64, (3 + 32) % 5, 31, 0, 31, Float.floatToIntBits(17), 2, 14);
    }
  }

  @Test
  @DisplayName("asynchronous copies of all sizes, with zeros for what is not read")
  void asynchronousCopies() {
    String code =
        """
        mov.u32 %r11, tile;
        setp.eq.u32 %p1, %r2, 0;
        setp.ne.u32 %p2, %r2, 0;
        @%p2 bra on;
        cp.async.ca.shared.global [%r11], [%rd1], 4;
        cp.async.ca.shared.global [%r11+8], [%rd1+8], 8, 4;
        cp.async.cg.shared.global.L2::128B [%r11+16], [%rd1+16], 16;
        cp.async.ca.shared.global [%r11+4], [%rd1+4], 4, %p1;
        cp.async.wait_all;
        on: bar.sync 0;
        and.b32 %r12, %r3, 31;
        add.s32 %r13, %r11, %r12;
        ld.shared.u32 %r10, [%r13];
        """;
    int[] actual = run(code, "", 1, 2, 3, 4, 5, 6, 7, 8);
    assertThat(actual).startsWith(1, 0, 3, 0, 5, 6, 7, 8);
  }

  @Test
  @DisplayName("groups of asynchronous copies land in order, each when it is waited for")
  void groups() {
    String code =
        """
        mov.u32 %r11, tile;
        shl.b32 %r12, %r2, 3;
        add.s32 %r13, %r11, %r12;
        mul.wide.u32 %rd5, %r2, 4;
        add.s64 %rd6, %rd1, %rd5;
        cp.async.ca.shared.global [%r13], [%rd6], 4;
        cp.async.commit_group;
        cp.async.ca.shared.global [%r13+4], [%rd6], 4;
        cp.async.commit_group;
        cp.async.wait_group 1;
        ld.shared.u32 %r14, [%r13];
        cp.async.wait_group 0;
        ld.shared.u32 %r15, [%r13+4];
        add.s32 %r10, %r14, %r15;
        """;
    int[] input = new int[32];
    for (int i = 0; i < 32; i++) {
      input[i] = 50 + i;
    }
    int[] actual = run(code, "", input);
    for (int lane = 0; lane < 32; lane++) {
      assertThat(actual[lane]).isEqualTo(2 * (50 + lane));
    }
  }

  @Test
  @DisplayName("static and dynamic shared memory lie apart, whatever their sizes")
  void sharedLayout() {
    String code =
        """
        mov.u32 %r11, tile;
        mov.u32 %r12, dynamic;
        add.s32 %r13, %r11, %r3;
        add.s32 %r14, %r12, %r3;
        st.shared.u32 [%r13], 1;
        st.shared.u32 [%r14], 2;
        ld.shared.u32 %r15, [%r13];
        ld.shared.u32 %r16, [%r14];
        mad.lo.s32 %r10, %r16, 10, %r15;
        """;
    try (KernelBench bench = Snippet.bench(code + STORE)) {
      long output = bench.allocate(128);
      Arguments arguments = bench.arguments().address(0).address(output);
      bench.run("snippet", 1, 32, 128, arguments);
      assertThat(bench.ints(output, 32)).containsOnly(21);
    }
  }
}
