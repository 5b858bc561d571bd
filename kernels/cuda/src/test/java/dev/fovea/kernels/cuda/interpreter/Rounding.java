package dev.fovea.kernels.cuda.interpreter;

/** Rounding of exact results, each given as the nearest double and the error that is left. */
final class Rounding {

  /** Where to. */
  enum Mode {
    NEAREST,
    ZERO,
    DOWN,
    UP;

    /** The mode of {@code rn}, {@code rz}, {@code rm} or {@code rp}. */
    static Mode named(String modifier) {
      return switch (modifier) {
        case "rz" -> ZERO;
        case "rm" -> DOWN;
        case "rp" -> UP;
        default -> NEAREST;
      };
    }
  }

  private Rounding() {}

  /** What {@code sum}, the nearest double to a + b, lacks. */
  static double errorOfSum(double a, double b, double sum) {
    double part = sum - a;
    double error = a - (sum - part) + (b - part);
    return Double.isFinite(sum) ? error : 0;
  }

  /** To float32. */
  static float toFloat(double value, double error, Mode mode) {
    float nearest = (float) value;
    return switch (mode) {
      case NEAREST -> error == 0 ? nearest : nearestOf(value, error);
      case DOWN -> compare(nearest, value, error) > 0 ? Math.nextDown(nearest) : nearest;
      case UP -> compare(nearest, value, error) < 0 ? Math.nextUp(nearest) : nearest;
      case ZERO -> toFloat(value, error, value < 0 ? Mode.UP : Mode.DOWN);
    };
  }

  private static float nearestOf(double value, double error) {
    return (float) odd(value, error);
  }

  /** 1 if a float is above the exact value, -1 if below, 0 if the same. */
  private static int compare(float rounded, double value, double error) {
    int comparison = Double.compare(rounded + 0.0, value + 0.0);
    return comparison != 0 ? comparison : -(int) Math.signum(error);
  }

  /**
   * The exact value if it is a double, else the one of its two neighbours whose last bit is 1.
   * Rounding that to a much shorter format gives what rounding the exact value would give.
   */
  private static double odd(double value, double error) {
    if (error == 0 || (Double.doubleToRawLongBits(value) & 1) != 0) {
      return value;
    }
    return error > 0 ? Math.nextUp(value) : Math.nextDown(value);
  }

  /**
   * To float32, but inexact results to the neighbour whose last bit is 1: a step on the way to 16
   * bits.
   */
  static float toOddFloat(double value, double error) {
    float nearest = (float) value;
    int comparison = compare(nearest, value, error);
    if (comparison == 0 || Float.isNaN(nearest) || (Float.floatToRawIntBits(nearest) & 1) != 0) {
      return nearest;
    }
    return comparison > 0 ? Math.nextDown(nearest) : Math.nextUp(nearest);
  }

  /** a b + c in one rounding. */
  static float fusedMultiplyAdd(float a, float b, float c, Mode mode) {
    double product = (double) a * b;
    double sum = product + c;
    return toFloat(sum, errorOfSum(product, c, sum), mode);
  }

  /** To a whole number. */
  static double toInteger(double value, Mode mode) {
    return switch (mode) {
      case NEAREST -> Math.rint(value);
      case ZERO -> value < 0 ? Math.ceil(value) : Math.floor(value);
      case DOWN -> Math.floor(value);
      case UP -> Math.ceil(value);
    };
  }
}
