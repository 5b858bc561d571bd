package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Rounding.Mode;
import java.util.Map;

/** float32. Approximate functions give the exact result, rounded. */
final class FloatArithmetic {

  private FloatArithmetic() {}

  static void add(Map<String, LaneLoop> loops) {
    loops.put("add.f32", FloatArithmetic::sum);
    loops.put("sub.f32", FloatArithmetic::difference);
    loops.put("mul.f32", FloatArithmetic::product);
    loops.put("fma.f32", FloatArithmetic::fusedMultiplyAdd);
    loops.put("mad.f32", FloatArithmetic::fusedMultiplyAdd);
    loops.put("neg.f32", LaneLoop.of(a -> a ^ 0x80000000L));
    loops.put("abs.f32", LaneLoop.of(a -> a & 0x7fffffffL));
    loops.put("min.f32", LaneLoop.ofFloats(FloatArithmetic::smaller));
    loops.put("max.f32", LaneLoop.ofFloats(FloatArithmetic::larger));
    loops.put("min.NaN.f32", LaneLoop.ofFloats((LaneLoop.FloatBinary) Math::min));
    loops.put("max.NaN.f32", LaneLoop.ofFloats((LaneLoop.FloatBinary) Math::max));
    loops.put("copysign.f32", LaneLoop.of((a, b) -> (a & 0x80000000L) | (b & 0x7fffffffL)));
    for (String mode : new String[] {"rz", "rm", "rp"}) {
      addDirected(loops, mode);
    }
    addQuotients(loops);
    addFunctions(loops);
  }

  private static void addDirected(Map<String, LaneLoop> loops, String modifier) {
    Mode mode = Mode.named(modifier);
    loops.put(
        "add." + modifier + ".f32",
        LaneLoop.ofFloats((a, b) -> Rounding.fusedMultiplyAdd(a, 1, b, mode)));
    loops.put(
        "sub." + modifier + ".f32",
        LaneLoop.ofFloats((a, b) -> Rounding.fusedMultiplyAdd(a, 1, -b, mode)));
    loops.put(
        "mul." + modifier + ".f32",
        LaneLoop.ofFloats((a, b) -> Rounding.toFloat((double) a * b, 0, mode)));
    loops.put(
        "fma." + modifier + ".f32",
        LaneLoop.ofFloats((a, b, c) -> Rounding.fusedMultiplyAdd(a, b, c, mode)));
  }

  private static void addQuotients(Map<String, LaneLoop> loops) {
    for (String precision : new String[] {"", ".approx", ".full"}) {
      loops.put("div" + precision + ".f32", LaneLoop.ofFloats((a, b) -> a / b));
      loops.put("rcp" + precision + ".f32", LaneLoop.ofFloat(a -> 1 / a));
      loops.put("sqrt" + precision + ".f32", LaneLoop.ofFloat(a -> (float) Math.sqrt(a)));
    }
    loops.put("rsqrt.approx.f32", LaneLoop.ofFloat(a -> (float) (1 / Math.sqrt(a))));
  }

  private static void addFunctions(Map<String, LaneLoop> loops) {
    loops.put("ex2.approx.f32", LaneLoop.ofFloat(FloatArithmetic::powerOfTwo));
    loops.put("lg2.approx.f32", LaneLoop.ofFloat(a -> (float) (Math.log(a) / Math.log(2))));
    loops.put("sin.approx.f32", LaneLoop.ofFloat(a -> (float) Math.sin(a)));
    loops.put("cos.approx.f32", LaneLoop.ofFloat(a -> (float) Math.cos(a)));
    loops.put("tanh.approx.f32", LaneLoop.ofFloat(a -> (float) Math.tanh(a)));
  }

  static float powerOfTwo(float exponent) {
    return (float) Math.pow(2, exponent);
  }

  /** The smaller one; a number if one of them is not a number. */
  static float smaller(float a, float b) {
    return Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.min(a, b);
  }

  /** The larger one; a number if one of them is not a number. */
  static float larger(float a, float b) {
    return Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.max(a, b);
  }

  private static void sum(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = LaneLoop.bits(LaneLoop.real(r[a + i]) + LaneLoop.real(r[b + i]));
    }
  }

  private static void difference(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = LaneLoop.bits(LaneLoop.real(r[a + i]) - LaneLoop.real(r[b + i]));
    }
  }

  private static void product(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      r[d + i] = LaneLoop.bits(LaneLoop.real(r[a + i]) * LaneLoop.real(r[b + i]));
    }
  }

  private static void fusedMultiplyAdd(long[] r, int d, int a, int b, int c) {
    for (int i = 0; i < Warp.LANES; i++) {
      float sum =
          Math.fma(LaneLoop.real(r[a + i]), LaneLoop.real(r[b + i]), LaneLoop.real(r[c + i]));
      r[d + i] = LaneLoop.bits(sum);
    }
  }
}
