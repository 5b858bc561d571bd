package dev.fovea.kernels.cuda.interpreter;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Runs one instruction on many operands, 32 at a time. */
final class Evaluation {

  private static final int OPERANDS = 3;

  private final List<long[]> operands;
  private final long[] results;

  private Evaluation(List<long[]> operands, long[] results) {
    this.operands = operands;
    this.results = results;
  }

  /** What an instruction should give. */
  interface Expectation {
    long of(long a, long b, long c);
  }

  /** Says whether a result is right. */
  interface Check {
    void check(String what, long a, long b, long c, long result);
  }

  /**
   * Executes an instruction.
   *
   * @param opcode with all its modifiers
   * @param result type of the first operand
   * @param types of the other operands; those beyond three are written into {@code suffix}
   * @param suffix further operands, such as ", 0xca"
   */
  static Evaluation of(
      String opcode, PtxType result, List<PtxType> types, String suffix, List<long[]> operands) {
    StringBuilder code =
        new StringBuilder("mul.wide.u32 %rd3, %r1, 24;\n add.s64 %rd4, %rd1, %rd3;\n");
    StringBuilder instruction = new StringBuilder(opcode + " " + register(result, 0));
    for (int i = 0; i < types.size(); i++) {
      String register = register(types.get(i), i + 1);
      code.append(
          "ld.global.b%d %s, [%%rd4+%d];%n".formatted(types.get(i).bits(), register, 8 * i));
      instruction.append(", ").append(register);
    }
    code.append(instruction).append(suffix).append(";\n");
    code.append(
        """
        mul.wide.u32 %%rd5, %%r1, 8;
        add.s64 %%rd6, %%rd2, %%rd5;
        st.global.b%d [%%rd6], %s;
        """
            .formatted(result.bits(), register(result, 0)));
    return new Evaluation(operands, run(code.toString(), operands));
  }

  private static String register(PtxType type, int number) {
    return switch (type.bytes()) {
      case 2 -> "%rs" + number;
      case 4 -> "%r" + (10 + number);
      default -> "%rd" + (10 + number);
    };
  }

  private static long[] run(String code, List<long[]> operands) {
    int count = operands.size();
    long[] input = new long[Math.ceilDiv(count, Warp.LANES) * Warp.LANES * OPERANDS];
    for (int i = 0; i < count; i++) {
      System.arraycopy(operands.get(i), 0, input, i * OPERANDS, OPERANDS);
    }
    String number = "mov.u32 %r5, %ctaid.x;\n shl.b32 %r6, %r5, 5;\n add.s32 %r1, %r1, %r6;\n";
    try (KernelBench bench = Snippet.bench(number + code)) {
      int blocks = Math.ceilDiv(count, Warp.LANES);
      long output = bench.upload(new long[blocks * Warp.LANES]);
      bench.run(
          "snippet",
          blocks,
          Warp.LANES,
          0,
          bench.arguments().address(bench.upload(input)).address(output));
      return bench.longs(output, count);
    }
  }

  /** Checks every result. */
  void check(Check check) {
    for (int i = 0; i < results.length; i++) {
      long[] o = operands.get(i);
      String what = "operands 0x%x, 0x%x, 0x%x".formatted(o[0], o[1], o[2]);
      check.check(what, o[0], o[1], o[2], results[i]);
    }
  }

  /** Corner cases of a width in all combinations, and random numbers; always three operands. */
  static List<long[]> integers(PtxType type) {
    long top = 1L << (type.bits() - 1);
    long[] corners = {0, 1, 2, -1, 31, 32, 63, 64, top, top - 1, top + 1, 0x8421};
    List<long[]> operands = new ArrayList<>();
    for (long a : corners) {
      for (long b : corners) {
        operands.add(new long[] {a, b, corners[operands.size() % corners.length]});
      }
    }
    SplittableRandom random = new SplittableRandom(11);
    for (int i = 0; i < 200; i++) {
      operands.add(new long[] {random.nextLong(), random.nextLong(), random.nextLong()});
    }
    return operands;
  }

  /** Corner cases of float32 in all combinations of two, and random numbers of many magnitudes. */
  static List<long[]> floats() {
    float[] corners = {
      0,
      -0f,
      1,
      -1,
      1.5f,
      0x1p-149f,
      -0x1p-130f,
      0x1p-126f,
      3.4e38f,
      Float.MIN_VALUE * 3,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.NaN,
      0.1f,
      -7.3f,
      0x1.fffffep0f
    };
    List<long[]> operands = new ArrayList<>();
    for (float a : corners) {
      for (float b : corners) {
        operands.add(bits(a, b, corners[operands.size() % 7]));
      }
    }
    SplittableRandom random = new SplittableRandom(12);
    for (int i = 0; i < 300; i++) {
      operands.add(bits(random(random), random(random), random(random)));
    }
    return operands;
  }

  private static float random(SplittableRandom random) {
    return (float) (random.nextDouble(-2, 2) * Math.pow(2, random.nextInt(-12, 12)));
  }

  private static long[] bits(float a, float b, float c) {
    return new long[] {LaneLoop.bits(a), LaneLoop.bits(b), LaneLoop.bits(c)};
  }
}
