package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Scope.Binding;
import dev.fovea.kernels.cuda.interpreter.Scope.Label;
import dev.fovea.kernels.cuda.interpreter.Scope.Place;
import dev.fovea.kernels.cuda.interpreter.Scope.Register;
import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import dev.fovea.kernels.cuda.interpreter.Syntax.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One instruction on its way from text to something that runs. Resolves its operands, notes which
 * registers it reads and writes, and sees to it that none of its modifiers is overlooked.
 */
final class Decoding {

  /** Most names in front of an opcode's modifiers: {@code cp.async.wait_group}. */
  private static final int LONGEST_NAME = 3;

  private final Statement statement;
  private final Scope scope;
  private final Label end;
  private final Translator translator;
  private final List<String> modifiers = new ArrayList<>();
  private final List<Integer> reads = new ArrayList<>();
  private final List<Integer> writes = new ArrayList<>();
  private final List<Integer> sources = new ArrayList<>();
  private final List<Integer> targets = new ArrayList<>();

  Decoding(Statement statement, Scope scope, Label end, Translator translator) {
    this.statement = statement;
    this.scope = scope;
    this.end = end;
    this.translator = translator;
  }

  /** The finished instruction. */
  Instruction instruction() {
    Instruction instruction = decode();
    if (!modifiers.isEmpty()) {
      throw refuse("the modifiers " + modifiers + " are not known");
    }
    instruction.setSource(statement);
    instruction.setRegisters(numbers(reads), numbers(writes));
    instruction.setOperands(numbers(sources), numbers(targets));
    if (statement.guard() != null) {
      int guard = register(new Syntax.Name(statement.guard())).number();
      instruction.setGuard(guard, statement.inverted());
    }
    return instruction;
  }

  private static int[] numbers(List<Integer> registers) {
    return registers.stream().mapToInt(Integer::intValue).toArray();
  }

  private Instruction decode() {
    List<String> parts = Arrays.asList(statement.opcode().split("\\."));
    for (int length = Math.min(LONGEST_NAME, parts.size()); length > 0; length--) {
      Opcodes.Decoder decoder = Opcodes.find(String.join(".", parts.subList(0, length)));
      if (decoder != null) {
        modifiers.addAll(parts.subList(length, parts.size()));
        return decoder.decode(this);
      }
    }
    throw refuse("the instruction is not known");
  }

  /** What to throw if the interpreter cannot do this. */
  PtxException refuse(String why) {
    return new PtxException(
        statement.line(),
        "`%s`: %s to the interpreter; teach it, with a test".formatted(statement.text(), why));
  }

  Statement statement() {
    return statement;
  }

  /** Where a return goes; null where it ends the thread. */
  Label end() {
    return end;
  }

  // Modifiers.

  /** Takes a modifier; false if it is not there. */
  boolean take(String modifier) {
    return modifiers.remove(modifier);
  }

  /** Takes the first of the modifiers that are in the set; null if there is none. */
  String takeAny(Set<String> known) {
    for (String modifier : modifiers) {
      if (known.contains(modifier)) {
        modifiers.remove(modifier);
        return modifier;
      }
    }
    return null;
  }

  /** Takes all modifiers that are left, each with its dot. */
  String takeRest() {
    String rest = modifiers.stream().map(modifier -> "." + modifier).collect(Collectors.joining());
    modifiers.clear();
    return rest;
  }

  /** Takes the last modifier, which is a type. */
  PtxType takeType() {
    PtxType type = modifiers.isEmpty() ? null : PtxType.named(modifiers.getLast());
    if (type == null) {
      throw refuse("an instruction without a type at the end is not known");
    }
    modifiers.removeLast();
    return type;
  }

  /** Takes a state space; generic if none is named. */
  Space takeSpace() {
    for (String modifier : modifiers) {
      Space space = Space.named(modifier);
      if (space != null) {
        modifiers.remove(modifier);
        return space;
      }
    }
    return Space.GENERIC;
  }

  // Operands.

  int count() {
    return statement.operands().size();
  }

  Operand operand(int index) {
    if (index >= count()) {
      throw refuse("an operand is missing: this form is not known");
    }
    return statement.operands().get(index);
  }

  /** The operands in braces, or the operand itself. */
  List<Operand> members(int index) {
    return operand(index) instanceof Syntax.Group(List<Operand> members)
        ? members
        : List.of(operand(index));
  }

  /** Row of a number that is read. */
  int source(int index) {
    return source(operand(index));
  }

  /** Row of a number that is read. */
  int source(Operand operand) {
    int row = looseSource(operand);
    reads.add(row / Warp.LANES);
    return row;
  }

  /** Row of a number that may be undefined. */
  int looseSource(Operand operand) {
    int row =
        switch (operand) {
          case Syntax.Literal(long bits) -> translator.constant(bits) * Warp.LANES;
          case Syntax.Name(String name) -> named(name);
          default -> throw refuse("this form of an operand is not known");
        };
    sources.add(row / Warp.LANES);
    return row;
  }

  private int named(String name) {
    Binding binding = scope.find(name);
    if (binding instanceof Register register) {
      return register.row();
    }
    if (binding instanceof Place place) {
      return translator.constant(place.address()) * Warp.LANES;
    }
    SpecialRegister special = SpecialRegister.named(name);
    if (special != null) {
      return translator.special(special) * Warp.LANES;
    }
    throw refuse("the name " + name + " is not known");
  }

  /** Row of a number that is written. */
  int target(int index) {
    return target(operand(index));
  }

  /** Row of a number that is written. */
  int target(Operand operand) {
    int number = targetNumber(operand);
    writes.add(number);
    return number * Warp.LANES;
  }

  /** Number of a register that is written, whose definedness the instruction sees to. */
  int looseTarget(Operand operand) {
    return targetNumber(operand);
  }

  private int targetNumber(Operand operand) {
    if (operand.equals(new Syntax.Name("_"))) {
      return Warp.SINK;
    }
    int number = register(operand).number();
    targets.add(number);
    return number;
  }

  /** Number of a predicate that is read. */
  int predicate(Operand operand) {
    Operand plain = operand instanceof Syntax.Not(String name) ? new Syntax.Name(name) : operand;
    int number =
        plain instanceof Syntax.Literal(long bits)
            ? translator.constant(bits == 0 ? 0 : -1)
            : register(plain).number();
    reads.add(number);
    return number;
  }

  /** Number of a predicate that is written. */
  int predicateTarget(Operand operand) {
    int number = targetNumber(operand);
    writes.add(number);
    return number;
  }

  /** The type that a register was declared with; a 64-bit type for what is no register. */
  PtxType declared(Operand operand) {
    return operand instanceof Syntax.Name(String name)
            && scope.find(name) instanceof Register register
        ? register.type()
        : PtxType.B64;
  }

  /** Numbers of registers of which the instruction sees to everything. */
  int[] plainRegisters(int index) {
    return members(index).stream().mapToInt(operand -> register(operand).number()).toArray();
  }

  private Register register(Operand operand) {
    if (operand instanceof Syntax.Name(String name)
        && scope.find(name) instanceof Register register) {
      return register;
    }
    throw refuse("something is no register, and this form is not known");
  }

  /** A number that has to be written out. */
  long immediate(int index) {
    if (operand(index) instanceof Syntax.Literal(long bits)) {
      return bits;
    }
    throw refuse("operand " + index + " as anything but a number is not known");
  }

  /** Where a branch goes. */
  Label label(int index) {
    return label(operand(index) instanceof Syntax.Name(String name) ? name : "");
  }

  private Label label(String name) {
    if (scope.find(name) instanceof Label label) {
      return label;
    }
    throw refuse("the label '" + name + "' is not known");
  }

  /** Where an indexed branch goes. */
  Label[] labels(int index) {
    if (operand(index) instanceof Syntax.Name(String name)
        && scope.find(name) instanceof Scope.Targets targets) {
      return targets.labels().stream().map(this::label).toArray(Label[]::new);
    }
    throw refuse("its table of labels is not known");
  }

  /** The space that a symbol lives in; null for anything else. */
  Place place(Operand operand) {
    return operand instanceof Syntax.Name(String name) && scope.find(name) instanceof Place place
        ? place
        : null;
  }

  /** An operand in brackets. */
  Location location(int index, Space space) {
    if (!(operand(index) instanceof Syntax.Address(Operand base, long offset))) {
      throw refuse("an operand without brackets is not known here");
    }
    Place place = place(base);
    if (place == null) {
      boolean narrow = declared(base).bytes() == Integer.BYTES;
      return new Location(space, source(base), narrow ? 0xffffffffL : -1, offset);
    }
    int zero = translator.constant(0) * Warp.LANES;
    return switch (space) {
      case GENERIC ->
          new Location(space, zero, -1, place.space().window() + place.address() + offset);
      case PARAM -> new Location(place.space(), zero, -1, place.address() + offset);
      default -> new Location(space, zero, -1, place.address() + offset);
    };
  }

  /** The instruction goes on by itself, or waits for such. */
  void asynchronous() {
    translator.asynchronous();
  }

  /** An access to memory of a space in pieces of this size. */
  void access(Space space, int bytes) {
    if (space == Space.SHARED || space == Space.CLUSTER || space == Space.GENERIC) {
      translator.sharedAccess(bytes);
    }
  }

  /**
   * An address that is computed for each lane.
   *
   * @param base row
   * @param mask of the bits of the base that count
   * @param offset added to it
   */
  record Location(Space space, int base, long mask, long offset) {
    long address(Warp warp, int lane) {
      return (warp.registers[base + lane] & mask) + offset;
    }
  }
}
