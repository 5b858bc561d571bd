package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import java.util.Map;
import java.util.Set;

/** {@code setp} compares lane by lane; {@code set} gives a number instead of a predicate. */
final class Comparison extends Instruction {

  private static final Set<String> RELATIONS =
      Set.of(
          "eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu",
          "gtu", "geu", "num", "nan");
  private static final Set<String> COMBINATIONS = Set.of("and", "or", "xor");

  private final String relation;
  private final PtxType type;
  private final boolean flush;
  private final int first;
  private final int second;
  private final String combination;
  private final int combined;
  private final int inversion;
  private final Result result;

  /** Where the outcome goes. */
  private interface Result {
    void store(Warp warp, int lanes, int holds, int fails);
  }

  private Comparison(Decoding decoding, Result result) {
    relation = decoding.takeAny(RELATIONS);
    combination = decoding.takeAny(COMBINATIONS);
    flush = decoding.take("ftz");
    type = decoding.takeType();
    first = decoding.source(1);
    second = decoding.source(2);
    Operand other = combination == null ? null : decoding.operand(3);
    combined = other == null ? -1 : decoding.predicate(other);
    inversion = other instanceof Syntax.Not ? -1 : 0;
    this.result = result;
    if (relation == null) {
      throw decoding.refuse("its relation is not known");
    }
  }

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("setp", Comparison::decodePredicate);
    decoders.put("set", Comparison::decodeNumber);
  }

  private static Comparison decodePredicate(Decoding decoding) {
    Operand target = decoding.operand(0);
    if (target instanceof Syntax.Pair(Operand yes, Operand no)) {
      int holdsTarget = decoding.predicateTarget(yes);
      int failsTarget = decoding.predicateTarget(no);
      return new Comparison(
          decoding,
          (warp, lanes, holds, fails) -> {
            warp.setPredicate(holdsTarget, lanes, holds);
            warp.setPredicate(failsTarget, lanes, fails);
          });
    }
    int predicate = decoding.predicateTarget(target);
    return new Comparison(
        decoding, (warp, lanes, holds, fails) -> warp.setPredicate(predicate, lanes, holds));
  }

  /** {@code set.relation.result.operand}: all ones, or 1.0, where the relation holds. */
  private static Comparison decodeNumber(Decoding decoding) {
    int target = decoding.target(0);
    long yes = decoding.take("f32") ? LaneLoop.bits(1) : -1;
    if (yes == -1 && decoding.takeAny(Set.of("u32", "s32", "b32")) == null) {
      throw decoding.refuse("its type of result is not known");
    }
    return new Comparison(
        decoding,
        (warp, lanes, holds, fails) -> {
          for (int lane = 0; lane < Warp.LANES; lane++) {
            warp.registers[lane] = (holds >>> lane & 1) != 0 ? yes : 0;
          }
          warp.take(target, lanes);
        });
  }

  @Override
  void execute(Warp warp, int lanes) {
    int holds = type.floating() ? compareFloats(warp.registers) : compareIntegers(warp.registers);
    int fails = ~holds;
    if (combination != null) {
      int other = warp.predicates[combined] ^ inversion;
      holds = combine(holds, other);
      fails = combine(fails, other);
    }
    result.store(warp, lanes, holds, fails);
  }

  private int combine(int holds, int other) {
    return switch (combination) {
      case "and" -> holds & other;
      case "or" -> holds | other;
      default -> holds ^ other;
    };
  }

  private int compareIntegers(long[] r) {
    // Unsigned 64-bit numbers are compared as signed ones after moving both by half the range.
    boolean ordered = type == PtxType.U64 || type == PtxType.B64 || !type.signed();
    long shift = ordered && type.bytes() == Long.BYTES ? Long.MIN_VALUE : 0;
    int less = 0;
    int equal = 0;
    for (int lane = 0; lane < Warp.LANES; lane++) {
      long a = type.extend(r[first + lane]) + shift;
      long b = type.extend(r[second + lane]) + shift;
      less |= (a < b ? 1 : 0) << lane;
      equal |= (a == b ? 1 : 0) << lane;
    }
    return switch (relation) {
      case "eq" -> equal;
      case "ne" -> ~equal;
      case "lt", "lo" -> less;
      case "le", "ls" -> less | equal;
      case "gt", "hi" -> ~(less | equal);
      default -> ~less;
    };
  }

  private int compareFloats(long[] r) {
    int less = 0;
    int equal = 0;
    int greater = 0;
    for (int lane = 0; lane < Warp.LANES; lane++) {
      double a = real(r[first + lane]);
      double b = real(r[second + lane]);
      less |= (a < b ? 1 : 0) << lane;
      equal |= (a == b ? 1 : 0) << lane;
      greater |= (a > b ? 1 : 0) << lane;
    }
    int unordered = ~(less | equal | greater);
    return switch (relation) {
      case "eq" -> equal;
      case "ne" -> less | greater;
      case "lt" -> less;
      case "le" -> less | equal;
      case "gt" -> greater;
      case "ge" -> greater | equal;
      case "equ" -> equal | unordered;
      case "neu" -> ~equal;
      case "ltu" -> less | unordered;
      case "leu" -> ~greater;
      case "gtu" -> greater | unordered;
      case "geu" -> ~less;
      case "num" -> ~unordered;
      default -> unordered;
    };
  }

  private double real(long register) {
    return switch (type) {
      case F64 -> Double.longBitsToDouble(register);
      case F32 -> LaneLoop.real(flush ? Arithmetic.flushed(register) : register);
      default -> HalfFormat.of(type).widen((int) register);
    };
  }
}
