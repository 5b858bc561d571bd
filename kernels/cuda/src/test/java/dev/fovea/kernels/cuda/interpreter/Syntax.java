package dev.fovea.kernels.cuda.interpreter;

import java.util.List;
import java.util.Map;

/** What a module says, as it is written; names are not resolved yet. */
final class Syntax {

  private Syntax() {}

  /**
   * A module.
   *
   * @param version of the language, 10 x major + minor
   * @param target architecture, such as sm_80
   */
  record Module(
      int version, String target, List<Variable> variables, Map<String, Function> functions) {}

  /**
   * A kernel or a function.
   *
   * @param entry true for a kernel
   * @param mostThreads of a block, 0 if it does not say
   * @param exactThreads of a block, 0 if it does not say
   * @param cluster blocks of a cluster
   * @param body null for a declaration
   */
  record Function(
      int line,
      String name,
      boolean entry,
      List<Variable> results,
      List<Variable> parameters,
      int mostThreads,
      int exactThreads,
      ClusterShape cluster,
      List<Item> body) {}

  /** What a body consists of. */
  sealed interface Item {
    int line();
  }

  /**
   * A variable in memory.
   *
   * @param elements 0 if the size is given at the launch
   * @param initial bytes, shorter than the variable where the rest is 0; null without initialiser
   */
  record Variable(
      int line,
      Space space,
      int alignment,
      PtxType type,
      String name,
      long elements,
      byte[] initial)
      implements Item {
    long bytes() {
      return elements * type.bytes();
    }
  }

  /**
   * A register, or several whose names end in 0, 1, ...
   *
   * @param count -1 for a single register
   */
  record Registers(int line, PtxType type, String name, int count) implements Item {}

  /** A place to branch to. */
  record Label(int line, String name) implements Item {}

  /** The table of an indexed branch. */
  record BranchTargets(int line, String name, List<String> labels) implements Item {}

  /** Braces with names of their own. */
  record Nested(int line, List<Item> items) implements Item {}

  /**
   * An instruction.
   *
   * @param text as written, for messages
   * @param guard predicate that decides whether it is executed, null if none
   * @param inverted true if executed where the guard is false
   * @param opcode name with all modifiers
   */
  record Statement(
      int line, String text, String guard, boolean inverted, String opcode, List<Operand> operands)
      implements Item {}

  /** What an instruction works on. */
  sealed interface Operand {}

  /** A register, variable, label or function. */
  record Name(String name) implements Operand {}

  /** A predicate that is negated. */
  record Not(String name) implements Operand {}

  /** A number: the bits of a float, or an integer. */
  record Literal(long bits) implements Operand {}

  /** Memory at a name or number, plus an offset in bytes. */
  record Address(Operand base, long offset) implements Operand {}

  /** {@code [map, {column, row, image}]}: a box of a matrix in global memory. */
  record Box(Operand map, List<Operand> coordinates) implements Operand {}

  /** {@code {a, b}} or {@code (a, b)}. */
  record Group(List<Operand> members) implements Operand {}

  /** {@code a|b}: two results. */
  record Pair(Operand first, Operand second) implements Operand {}
}
