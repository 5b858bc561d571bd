package dev.fovea.kernels.cuda.interpreter;

import java.util.Map;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/** float64. */
final class DoubleArithmetic {

  private DoubleArithmetic() {}

  static void add(Map<String, LaneLoop> loops) {
    loops.put("add.f64", of((a, b) -> a + b));
    loops.put("sub.f64", of((a, b) -> a - b));
    loops.put("mul.f64", of((a, b) -> a * b));
    loops.put("div.f64", of((a, b) -> a / b));
    loops.put("min.f64", of((a, b) -> Double.isNaN(a) ? b : Double.isNaN(b) ? a : Math.min(a, b)));
    loops.put("max.f64", of((a, b) -> Double.isNaN(a) ? b : Double.isNaN(b) ? a : Math.max(a, b)));
    loops.put("sqrt.f64", of(a -> Math.sqrt(a)));
    loops.put("rcp.f64", of(a -> 1 / a));
    loops.put("neg.f64", of(a -> -a));
    loops.put("abs.f64", of(a -> Math.abs(a)));
    loops.put("fma.f64", LaneLoop.of((a, b, c) -> bits(Math.fma(real(a), real(b), real(c)))));
  }

  private static LaneLoop of(DoubleUnaryOperator function) {
    return LaneLoop.of(a -> bits(function.applyAsDouble(real(a))));
  }

  private static LaneLoop of(DoubleBinaryOperator function) {
    return LaneLoop.of((a, b) -> bits(function.applyAsDouble(real(a), real(b))));
  }

  private static double real(long register) {
    return Double.longBitsToDouble(register);
  }

  private static long bits(double value) {
    return Double.doubleToRawLongBits(value);
  }
}
