package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import java.util.List;
import java.util.Map;

/** Moves, packing and unpacking, selection, logic of predicates, conversion of addresses. */
final class Moves {

  private Moves() {}

  static void register(Map<String, Opcodes.Decoder> decoders) {
    decoders.put("mov", Moves::decodeMove);
    decoders.put("selp", Select::new);
    decoders.put("and.pred", d -> new PredicateLogic(d, (a, b) -> a & b));
    decoders.put("or.pred", d -> new PredicateLogic(d, (a, b) -> a | b));
    decoders.put("xor.pred", d -> new PredicateLogic(d, (a, b) -> a ^ b));
    decoders.put("not.pred", d -> new PredicateLogic(d, (a, b) -> ~a));
    decoders.put("mov.pred", d -> new PredicateLogic(d, (a, b) -> a));
    decoders.put("cvta", d -> decodeAddress(d, false));
    decoders.put("cvta.to", d -> decodeAddress(d, true));
    FieldInsert.register(decoders);
  }

  private static Instruction decodeMove(Decoding decoding) {
    PtxType type = decoding.takeType();
    if (decoding.operand(0) instanceof Syntax.Group(List<Operand> parts)) {
      return new Unpack(decoding, type, parts);
    }
    if (decoding.operand(1) instanceof Syntax.Group(List<Operand> parts)) {
      return new Pack(decoding, type, parts);
    }
    return new Move(decoding, decoding.operand(1));
  }

  /** From or to a generic address; where the windows are is known to {@link Space}. */
  private static Instruction decodeAddress(Decoding decoding, boolean fromGeneric) {
    Space space = decoding.takeSpace();
    decoding.takeType();
    long shift = fromGeneric ? -space.window() : space.window();
    int target = decoding.target(0);
    int source = decoding.source(1);
    return new Instruction() {
      @Override
      void execute(Warp warp, int lanes) {
        long[] r = warp.registers;
        for (int lane = 0; lane < Warp.LANES; lane++) {
          r[lane] = r[source + lane] + shift;
        }
        warp.take(target, lanes);
      }
    };
  }

  /** A copy. What has not been set may be moved, and is not set there either. */
  private static final class Move extends Instruction {
    private final int target;
    private final int source;

    Move(Decoding decoding, Operand from) {
      target = decoding.looseTarget(decoding.operand(0)) * Warp.LANES;
      source = decoding.looseSource(from);
    }

    @Override
    void execute(Warp warp, int lanes) {
      if (lanes == Warp.ALL) {
        System.arraycopy(warp.registers, source, warp.registers, target, Warp.LANES);
      } else {
        System.arraycopy(warp.registers, source, warp.registers, Warp.SCRATCH, Warp.LANES);
        warp.take(target, lanes);
      }
      int number = target / Warp.LANES;
      int known = warp.defined[source / Warp.LANES] & lanes;
      warp.defined[number] = (warp.defined[number] & ~lanes) | known;
    }
  }

  /** One of two numbers by a predicate; like a move, as far as the chosen one is concerned. */
  private static final class Select extends Instruction {
    private final int target;
    private final int yes;
    private final int no;
    private final int predicate;

    Select(Decoding decoding) {
      decoding.takeType();
      target = decoding.looseTarget(decoding.operand(0)) * Warp.LANES;
      yes = decoding.looseSource(decoding.operand(1));
      no = decoding.looseSource(decoding.operand(2));
      predicate = decoding.predicate(decoding.operand(3));
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      int choice = warp.predicates[predicate];
      for (int lane = 0; lane < Warp.LANES; lane++) {
        r[lane] = (choice >>> lane & 1) != 0 ? r[yes + lane] : r[no + lane];
      }
      warp.take(target, lanes);
      int known =
          (warp.defined[yes / Warp.LANES] & choice) | (warp.defined[no / Warp.LANES] & ~choice);
      int number = target / Warp.LANES;
      warp.defined[number] = (warp.defined[number] & ~lanes) | (known & lanes);
    }
  }

  /** {@code mov.b64 d, {low, high}}. */
  private static final class Pack extends Instruction {
    private final int target;
    private final int[] parts;
    private final int bits;

    Pack(Decoding decoding, PtxType type, List<Operand> members) {
      target = decoding.target(0);
      parts = members.stream().mapToInt(decoding::source).toArray();
      bits = type.bits() / parts.length;
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      long mask = (1L << bits) - 1;
      for (int lane = 0; lane < Warp.LANES; lane++) {
        long whole = 0;
        for (int i = parts.length - 1; i >= 0; i--) {
          whole = (whole << bits) | (r[parts[i] + lane] & mask);
        }
        r[lane] = whole;
      }
      warp.take(target, lanes);
    }
  }

  /** {@code mov.b64 {low, high}, a}. */
  private static final class Unpack extends Instruction {
    private final int[] parts;
    private final int source;
    private final int bits;

    Unpack(Decoding decoding, PtxType type, List<Operand> members) {
      source = decoding.source(1);
      parts = members.stream().mapToInt(decoding::target).toArray();
      bits = type.bits() / parts.length;
    }

    @Override
    void execute(Warp warp, int lanes) {
      long[] r = warp.registers;
      for (int rest = lanes; rest != 0; rest &= rest - 1) {
        int lane = Integer.numberOfTrailingZeros(rest);
        long whole = r[source + lane];
        for (int i = 0; i < parts.length; i++) {
          r[parts[i] + lane] = whole >>> (bits * i);
        }
      }
    }
  }

  /** One predicate of one or two. */
  private static final class PredicateLogic extends Instruction {

    private interface Logic {
      int apply(int a, int b);
    }

    private final int target;
    private final int first;
    private final int second;
    private final Logic logic;

    PredicateLogic(Decoding decoding, Logic logic) {
      target = decoding.predicateTarget(decoding.operand(0));
      first = decoding.predicate(decoding.operand(1));
      second = decoding.count() > 2 ? decoding.predicate(decoding.operand(2)) : first;
      this.logic = logic;
    }

    @Override
    void execute(Warp warp, int lanes) {
      int value = logic.apply(warp.predicates[first], warp.predicates[second]);
      warp.setPredicate(target, lanes, value);
    }
  }
}
