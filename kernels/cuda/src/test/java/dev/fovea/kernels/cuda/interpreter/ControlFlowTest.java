package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Branches, loops, tables, calls and names, with lanes that go different ways. */
class ControlFlowTest {

  private static final String STORE =
      "mul.wide.u32 %rd3, %r1, 4;\n add.s64 %rd4, %rd2, %rd3;\n st.global.u32 [%rd4], %r10;\n";

  private static int[] run(String instructions) {
    return run(instructions, "");
  }

  private static int[] run(String instructions, String functions) {
    try (KernelBench bench = Snippet.bench(instructions + STORE, functions)) {
      long output = bench.allocate(128);
      Snippet.run(bench, 32, 0, 0, output);
      return bench.ints(output, 32);
    }
  }

  @Test
  @DisplayName("a loop that every lane goes round a different number of times")
  void loops() {
    int[] actual =
        run(
            """
            mov.u32 %r10, 0;
            mov.u32 %r11, 0;
            again: setp.ge.u32 %p1, %r11, %r2;
            @%p1 bra done;
            add.s32 %r11, %r11, 1;
            mad.lo.s32 %r10, %r11, %r11, %r10;
            bra.uni again;
            done:
            """);
    for (int lane = 0; lane < 32; lane++) {
      assertThat(actual[lane]).isEqualTo(lane * (lane + 1) * (2 * lane + 1) / 6);
    }
  }

  @Test
  @DisplayName(
      "lanes that part meet again, also where the code of one side lies behind the meeting place")
  void reconvergence() {
    int[] actual =
        run(
            """
            and.b32 %r11, %r2, 3;
            setp.eq.u32 %p1, %r11, 3;
            @%p1 bra rare;
            mov.u32 %r12, 1;
            meet: shfl.sync.idx.b32 %r10, %r12, 3, 31, 0xffffffff;
            bra.uni on;
            rare: mov.u32 %r12, 7;
            bra.uni meet;
            on:
            """);
    assertThat(actual).containsOnly(7);
  }

  @Test
  @DisplayName("a table of branches")
  void table() {
    int[] actual =
        run(
            """
            and.b32 %r11, %r2, 3;
            table: .branchtargets zero, one, two, one;
            brx.idx %r11, table;
            zero: mov.u32 %r10, 100;
            bra end;
            one: mov.u32 %r10, 101;
            bra end;
            two: mov.u32 %r10, 102;
            end:
            """);
    for (int lane = 0; lane < 32; lane++) {
      assertThat(actual[lane]).isEqualTo(100 + (lane % 4 == 3 ? 1 : lane % 4));
    }
  }

  @Test
  @DisplayName(
      "a table whose entries lie before the branch: a machine whose lanes are in different states")
  void tableOfBackwardBranches() {
    int[] actual =
        run(
            """
            mov.u32 %r10, 0;
            mov.u32 %r12, %r2;
            bra choose;
            halve: shr.u32 %r12, %r12, 1;
            add.s32 %r10, %r10, 1;
            bra choose;
            decrement: sub.s32 %r12, %r12, 1;
            add.s32 %r10, %r10, 100;
            choose: and.b32 %r11, %r12, 1;
            setp.eq.u32 %p1, %r12, 0;
            selp.b32 %r11, 2, %r11, %p1;
            table: .branchtargets halve, decrement, end;
            brx.idx %r11, table;
            trap;
            end:
            """);
    for (int lane = 0; lane < 32; lane++) {
      int halvings = lane == 0 ? 0 : 31 - Integer.numberOfLeadingZeros(lane);
      assertThat(actual[lane]).isEqualTo(halvings + 100 * Integer.bitCount(lane));
    }
  }

  @Test
  @DisplayName("names in braces hide those outside, also labels")
  void scopes() {
    int[] actual =
        run(
            """
            mov.u32 %r10, 1;
            {
              .reg .b32 %r<20>;
              .reg .pred again;
              mov.u32 %r10, 5;
              loop: add.s32 %r10, %r10, 1;
              setp.lt.u32 again, %r10, 9;
              @again bra loop;
            }
            loop: add.s32 %r10, %r10, 1;
            setp.lt.u32 %p1, %r10, 4;
            @%p1 bra loop;
            """);
    assertThat(actual).containsOnly(4);
  }

  @Test
  @DisplayName(
      "functions that call functions, called by some of the lanes, with memory of their own")
  void calls() {
    String functions =
        """
        .func (.param .b32 result) square(.param .b32 number)
        {
          .reg .b32 %r<3>;
          ld.param.b32 %r1, [number];
          mul.lo.s32 %r2, %r1, %r1;
          st.param.b32 [result], %r2;
          ret;
        }
        .func (.param .b32 result) squares(.param .b32 first, .param .b32 second)
        {
          .reg .b32 %r<9>;
          .reg .pred %p<2>;
          .local .align 8 .b8 depot[8];
          ld.param.b32 %r1, [first];
          ld.param.b32 %r2, [second];
          setp.gt.s32 %p1, %r1, 20;
          mov.u32 %r5, -1;
          @%p1 bra early;
          {
            .param .b32 param0;
            st.param.b32 [param0], %r1;
            .param .b32 retval0;
            call.uni (retval0), square, (param0);
            ld.param.b32 %r3, [retval0];
          }
          st.local.u32 [depot], %r3;
          {
            .param .b32 param0;
            st.param.b32 [param0], %r2;
            .param .b32 retval0;
            call.uni (retval0), square, (param0);
            ld.param.b32 %r4, [retval0];
          }
          st.local.u32 [depot+4], %r4;
          ld.local.v2.u32 {%r6, %r7}, [depot];
          add.s32 %r5, %r6, %r7;
          early: st.param.b32 [result], %r5;
          ret;
        }
        """;
    String main =
        """
        mov.u32 %r10, 0;
        setp.lt.u32 %p1, %r2, 4;
        add.s32 %r11, %r2, 1;
        @%p1 bra skip;
        {
          .param .b32 param0;
          st.param.b32 [param0], %r2;
          .param .b32 param1;
          st.param.b32 [param1], %r11;
          .param .b32 retval0;
          call (retval0), squares, (param0, param1);
          ld.param.b32 %r10, [retval0];
        }
        skip:
        """;
    int[] actual = run(main, functions);
    for (int lane = 0; lane < 32; lane++) {
      int squares = lane * lane + (lane + 1) * (lane + 1);
      assertThat(actual[lane]).isEqualTo(lane < 4 ? 0 : lane > 20 ? -1 : squares);
    }
  }

  @Test
  @DisplayName("a call with a guard")
  void guardedCall() {
    String function =
        """
        .func store(.param .b64 place)
        {
          .reg .b64 %rd<2>;
          ld.param.b64 %rd1, [place];
          st.global.u32 [%rd1], 8;
        }
        """;
    int[] actual =
        run(
            """
            mul.wide.u32 %rd3, %r1, 4;
            add.s64 %rd4, %rd2, %rd3;
            st.global.u32 [%rd4], 1;
            setp.lt.u32 %p1, %r2, 4;
            {
              .param .b64 param0;
              st.param.b64 [param0], %rd4;
              @%p1 call store, (param0);
            }
            ld.global.u32 %r10, [%rd4];
            """,
            function);
    for (int lane = 0; lane < 32; lane++) {
      assertThat(actual[lane]).isEqualTo(lane < 4 ? 8 : 1);
    }
  }
}
