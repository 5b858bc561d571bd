package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.LaneLoop.FloatBinary;
import dev.fovea.kernels.cuda.interpreter.LaneLoop.FloatUnary;
import dev.fovea.kernels.cuda.interpreter.LaneLoop.LongTernary;
import java.util.Map;

/**
 * 16-bit floats, one or two in a register. A sum or product is computed in float32 and rounded
 * again, which gives the right result because float32 has more than twice as many bits.
 */
final class HalfArithmetic {

  private HalfArithmetic() {}

  static void add(Map<String, LaneLoop> loops) {
    for (HalfFormat format : HalfFormat.values()) {
      add(loops, format, "add", (a, b) -> a + b);
      add(loops, format, "sub", (a, b) -> a - b);
      add(loops, format, "mul", (a, b) -> a * b);
      add(loops, format, "min", FloatArithmetic::smaller);
      add(loops, format, "max", FloatArithmetic::larger);
      add(loops, format, "neg", a -> -a);
      add(loops, format, "abs", a -> Math.abs(a));
      add(loops, format, "tanh.approx", a -> (float) Math.tanh(a));
      add(
          loops,
          format,
          "fma",
          (a, b, c) ->
              format.fusedMultiplyAdd(
                  format.widen((int) a), format.widen((int) b), format.widen((int) c)));
    }
    add(loops, HalfFormat.F16, "ex2.approx", FloatArithmetic::powerOfTwo);
    add(loops, HalfFormat.BF16, "ex2.approx.ftz", HalfArithmetic::flushedPowerOfTwo);
  }

  private static float flushedPowerOfTwo(float exponent) {
    return LaneLoop.real(Arithmetic.flushed(LaneLoop.bits(FloatArithmetic.powerOfTwo(exponent))));
  }

  private static void add(
      Map<String, LaneLoop> loops, HalfFormat format, String name, FloatUnary function) {
    add(loops, format, name, (a, b, c) -> format.round(function.apply(format.widen((int) a))));
  }

  private static void add(
      Map<String, LaneLoop> loops, HalfFormat format, String name, FloatBinary function) {
    add(
        loops,
        format,
        name,
        (a, b, c) -> format.round(function.apply(format.widen((int) a), format.widen((int) b))));
  }

  private static void add(
      Map<String, LaneLoop> loops, HalfFormat format, String name, LongTernary function) {
    String type = format == HalfFormat.F16 ? ".f16" : ".bf16";
    loops.put(name + type, LaneLoop.of(function));
    loops.put(
        name + type + "x2",
        LaneLoop.of(
            (a, b, c) ->
                function.apply(a, b, c) | function.apply(a >>> 16, b >>> 16, c >>> 16) << 16));
  }
}
