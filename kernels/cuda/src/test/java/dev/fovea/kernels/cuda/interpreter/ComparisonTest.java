package dev.fovea.kernels.cuda.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Comparisons, with their combinations, and what is done with predicates. */
class ComparisonTest {

  /** Holds for what a comparison says: below 0, 0 or above 0. */
  private static IntPredicate relation(String name) {
    return switch (name) {
      case "eq" -> order -> order == 0;
      case "ne" -> order -> order != 0;
      case "lt", "lo" -> order -> order < 0;
      case "le", "ls" -> order -> order <= 0;
      case "gt", "hi" -> order -> order > 0;
      default -> order -> order >= 0;
    };
  }

  private static Stream<Arguments> integers() {
    return Stream.of("eq", "ne", "lt", "le", "gt", "ge")
        .flatMap(
            relation ->
                Stream.of(
                        PtxType.S16,
                        PtxType.U16,
                        PtxType.S32,
                        PtxType.U32,
                        PtxType.S64,
                        PtxType.U64)
                    .map(type -> Arguments.of(relation, type)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("integers")
  @DisplayName("integers")
  void integers(String relation, PtxType type) {
    Evaluation.of(
            "set." + relation + ".u32." + type.text(),
            PtxType.U32,
            List.of(type, type),
            "",
            Evaluation.integers(type))
        .check(
            (what, a, b, c, actual) -> {
              long left = type.extend(a);
              long right = type.extend(b);
              int order =
                  type.signed() ? Long.compare(left, right) : Long.compareUnsigned(left, right);
              assertThat((int) actual).as(what).isEqualTo(relation(relation).test(order) ? -1 : 0);
            });
  }

  @ParameterizedTest
  @ValueSource(strings = {"lo", "ls", "hi", "hs"})
  @DisplayName("the unsigned relations that have names of their own")
  void unsigned(String relation) {
    Evaluation.of(
            "set." + relation + ".u32.u32",
            PtxType.U32,
            List.of(PtxType.U32, PtxType.U32),
            "",
            Evaluation.integers(PtxType.U32))
        .check(
            (what, a, b, c, actual) -> {
              int order = Integer.compareUnsigned((int) a, (int) b);
              assertThat((int) actual).as(what).isEqualTo(relation(relation).test(order) ? -1 : 0);
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"
      })
  @DisplayName("floats, which may be in no order at all")
  void floats(String relation) {
    Evaluation.of(
            "set." + relation + ".f32.f32",
            PtxType.F32,
            List.of(PtxType.F32, PtxType.F32),
            "",
            Evaluation.floats())
        .check(
            (what, a, b, c, actual) -> {
              float left = LaneLoop.real(a);
              float right = LaneLoop.real(b);
              boolean unordered = Float.isNaN(left) || Float.isNaN(right);
              boolean holds =
                  switch (relation) {
                    case "num" -> !unordered;
                    case "nan" -> unordered;
                    default ->
                        unordered
                            ? relation.length() == 3
                            : relation(relation.substring(0, 2))
                                .test(left < right ? -1 : left > right ? 1 : 0);
                  };
              assertThat(LaneLoop.real(actual)).as(what).isEqualTo(holds ? 1f : 0f);
            });
  }

  @Test
  @DisplayName(
      "both outcomes, combined with another predicate, which may be negated; selection by the"
          + " outcome")
  void combinations() {
    String code =
        """
        setp.lt.u32 %p1, %r1, 16;
        setp.ge.and.u32 %p2|%p3, %r1, 8, !%p1;
        setp.eq.xor.u32 %p4, %r1, 3, %p1;
        or.pred %p5, %p1, %p2;
        not.pred %p6, %p4;
        and.pred %p7, %p5, %p6;
        selp.b32 %r10, 1, 0, %p2;
        selp.b32 %r11, 2, 0, %p3;
        selp.b32 %r12, 4, 0, %p4;
        selp.b32 %r13, 8, 0, %p7;
        or.b32 %r10, %r10, %r11;
        or.b32 %r12, %r12, %r13;
        or.b32 %r10, %r10, %r12;
        mul.wide.u32 %rd3, %r1, 4;
        add.s64 %rd4, %rd2, %rd3;
        st.global.u32 [%rd4], %r10;
        """;
    try (KernelBench bench = Snippet.bench(code)) {
      long output = bench.allocate(128);
      Snippet.run(bench, 32, 0, 0, output);
      int[] actual = bench.ints(output, 32);
      for (int i = 0; i < 32; i++) {
        boolean first = i < 16;
        boolean second = i >= 8 && !first;
        boolean third = i < 8 && !first;
        boolean fourth = (i == 3) != first;
        boolean last = (first || second) && !fourth;
        assertThat(actual[i])
            .isEqualTo((second ? 1 : 0) + (third ? 2 : 0) + (fourth ? 4 : 0) + (last ? 8 : 0));
      }
    }
  }
}
