package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Shuffles, votes, reductions and elections of a warp, whole or in parts. */
class WarpExchangeTest {

  /** Runs instructions that leave their result in %r10, in one warp. */
  private static int[] run(String instructions) {
    return run(instructions, 32);
  }

  private static int[] run(String instructions, int threads) {
    String store =
        "mul.wide.u32 %rd3, %r1, 4;\n add.s64 %rd4, %rd2, %rd3;\n st.global.u32 [%rd4], %r10;\n";
    try (KernelBench bench = Snippet.bench(instructions + store)) {
      long output = bench.allocate(4 * threads);
      Snippet.run(bench, threads, 0, 0, output);
      return bench.ints(output, threads);
    }
  }

  private static Stream<Arguments> shuffles() {
    return Stream.of(
        shuffle("bfly", "5, 31", i -> i ^ 5),
        shuffle("up", "3, 0", i -> i < 3 ? i : i - 3),
        shuffle("down", "3, 31", i -> i > 28 ? i : i + 3),
        shuffle("idx", "7, 31", i -> 7),
        // Segments of 8 lanes: the mask of what stays is 24, in bits 8 to 12.
        shuffle("idx", "2, 6175", i -> i / 8 * 8 + 2),
        shuffle("down", "1, 6175", i -> i % 8 == 7 ? i : i + 1),
        shuffle("up", "1, 6144", i -> i % 8 == 0 ? i : i - 1),
        shuffle("bfly", "4, 6175", i -> i ^ 4));
  }

  private static Arguments shuffle(String mode, String operands, IntUnaryOperator source) {
    return Arguments.of(mode, operands, source);
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("shuffles")
  @DisplayName("a lane gets the other lane's number, and hears whether it was in range")
  void shuffle(String mode, String operands, Object source) {
    String code =
        """
        mad.lo.s32 %%r11, %%r2, 10, 1000;
        shfl.sync.%s.b32 %%r10|%%p1, %%r11, %s, 0xffffffff;
        @!%%p1 add.s32 %%r10, %%r10, 1;
        """
            .formatted(mode, operands);
    int[] actual = run(code);
    IntUnaryOperator from = (IntUnaryOperator) source;
    for (int lane = 0; lane < 32; lane++) {
      int other = from.applyAsInt(lane);
      boolean outOfRange = other == lane && !mode.equals("idx");
      assertThat(actual[lane]).isEqualTo(1000 + 10 * other + (outOfRange ? 1 : 0));
    }
  }

  @Test
  @DisplayName("two halves of a warp that exchange among themselves at the same time")
  void halves() {
    String code =
        """
        setp.lt.u32 %p1, %r2, 16;
        selp.b32 %r11, 0x0000ffff, 0xffff0000, %p1;
        shfl.sync.bfly.b32 %r10, %r2, 1, 31, %r11;
        """;
    int[] actual = run(code);
    for (int lane = 0; lane < 32; lane++) {
      assertThat(actual[lane]).isEqualTo(lane ^ 1);
    }
  }

  @Test
  @DisplayName("votes and ballots")
  void votes() {
    String code =
        """
        setp.lt.u32 %p1, %r2, 5;
        vote.sync.ballot.b32 %r11, %p1, 0xffffffff;
        vote.sync.any.pred %p2, %p1, 0xffffffff;
        vote.sync.all.pred %p3, %p1, 0xffffffff;
        vote.sync.all.pred %p4, !%p1, 0xffffffff;
        vote.sync.uni.pred %p5, %p1, 0xffffffff;
        selp.b32 %r12, 0x100, 0, %p2;
        selp.b32 %r13, 0x200, 0, %p3;
        selp.b32 %r14, 0x400, 0, %p4;
        selp.b32 %r15, 0x800, 0, %p5;
        add.s32 %r10, %r11, %r12;
        add.s32 %r10, %r10, %r13;
        add.s32 %r10, %r10, %r14;
        add.s32 %r10, %r10, %r15;
        """;
    assertThat(run(code)).containsOnly(0x11f);
  }

  @Test
  @DisplayName("reductions in one instruction")
  void reductions() {
    assertThat(run("redux.sync.add.u32 %r10, %r2, 0xffffffff;\n")).containsOnly(31 * 16);
    assertThat(run("sub.s32 %r11, %r2, 7;\n redux.sync.min.s32 %r10, %r11, 0xffffffff;\n"))
        .containsOnly(-7);
    assertThat(run("sub.s32 %r11, %r2, 7;\n redux.sync.max.u32 %r10, %r11, 0xffffffff;\n"))
        .containsOnly(-1);
    assertThat(run("redux.sync.or.b32 %r10, %r2, 0xffffffff;\n")).containsOnly(31);
  }

  @Test
  @DisplayName("one lane is elected, and those that are here know each other")
  void elections() {
    String code =
        """
        mov.u32 %r10, 0;
        setp.lt.u32 %p1, %r2, 9;
        @%p1 bra on;
        elect.sync %r11|%p2, 0xfffffe00;
        selp.b32 %r10, 1, 2, %p2;
        activemask.b32 %r12;
        add.s32 %r10, %r10, %r12;
        on:
        """;
    int[] actual = run(code);
    for (int lane = 0; lane < 32; lane++) {
      int expected = lane < 9 ? 0 : 0xfffffe00 + (lane == 9 ? 1 : 2);
      assertThat(actual[lane]).isEqualTo(expected);
    }
  }

  @Test
  @DisplayName("votes at a barrier count all threads of the block")
  void votesAtBarrier() {
    String code =
        """
        setp.lt.u32 %p1, %r1, 70;
        bar.red.popc.u32 %r11, 0, %p1;
        bar.red.and.pred %p2, 0, %p1;
        bar.red.or.pred %p3, 0, !%p1;
        selp.b32 %r12, 1000, 0, %p2;
        selp.b32 %r13, 2000, 0, %p3;
        add.s32 %r10, %r11, %r12;
        add.s32 %r10, %r10, %r13;
        """;
    assertThat(run(code, 96)).containsOnly(2070);
    assertThat(run(code, 64)).containsOnly(1064);
  }

  @Test
  @DisplayName("special registers of lanes")
  void masks() {
    int[] below = run("mov.u32 %r10, %lanemask_lt;\n");
    int[] above = run("mov.u32 %r10, %lanemask_ge;\n");
    for (int lane = 0; lane < 32; lane++) {
      assertThat(below[lane]).isEqualTo((1 << lane) - 1);
      assertThat(above[lane]).isEqualTo(-1 << lane);
    }
  }
}
