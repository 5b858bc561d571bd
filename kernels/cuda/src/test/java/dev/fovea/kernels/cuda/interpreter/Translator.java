package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Scope.Label;
import dev.fovea.kernels.cuda.interpreter.Scope.Place;
import dev.fovea.kernels.cuda.interpreter.Scope.Register;
import dev.fovea.kernels.cuda.interpreter.Syntax.Function;
import dev.fovea.kernels.cuda.interpreter.Syntax.Item;
import dev.fovea.kernels.cuda.interpreter.Syntax.Operand;
import dev.fovea.kernels.cuda.interpreter.Syntax.Statement;
import dev.fovea.kernels.cuda.interpreter.Syntax.Variable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns a kernel into instructions. Functions that it calls are put in place of the call, with
 * registers of their own; so there is no stack, and no recursion. Arguments and results of calls
 * lie in local memory.
 */
final class Translator {

  /** Bytes that nobody may access between two shared variables. */
  private static final int SHARED_GAP = 16;

  /** Of shared memory whose size is given at the launch: the largest that anything needs. */
  private static final int DYNAMIC_ALIGNMENT = 1024;

  private static final int PARAMETER_ALIGNMENT = 8;

  private final Syntax.Module module;
  private final Map<String, Long> globals;
  private final List<Instruction> code = new ArrayList<>();
  private final List<String> registerNames = new ArrayList<>(List.of("scratch", "_"));
  private final Map<Long, Integer> constants = new LinkedHashMap<>();
  private final Map<SpecialRegister, Integer> specials = new LinkedHashMap<>();
  private final IdentityHashMap<Variable, Place> places = new IdentityHashMap<>();
  private final List<Kernel.SharedVariable> sharedVariables = new ArrayList<>();
  private final Deque<String> calls = new ArrayDeque<>();
  private int sharedTop = SharedMemory.STATIC_BASE;
  private int localTop;
  private int smallestSharedAccess = 16;
  private final int dynamicBase;
  private boolean asynchronous;

  private Translator(Syntax.Module module, Map<String, Long> globals) {
    this.module = module;
    this.globals = globals;
    int staticBytes = sharedBytes(module.variables());
    for (Function function : module.functions().values()) {
      staticBytes += function.body() == null ? 0 : sharedBytes(function.body());
    }
    dynamicBase = align(SharedMemory.STATIC_BASE + staticBytes, DYNAMIC_ALIGNMENT);
  }

  /** Room for the shared variables of fixed size, wherever they are aligned. */
  private static int sharedBytes(List<? extends Item> items) {
    int bytes = 0;
    for (Item item : items) {
      bytes +=
          switch (item) {
            case Variable variable when variable.space() == Space.SHARED && variable.bytes() > 0 ->
                (int) variable.bytes() + variable.alignment() + SHARED_GAP;
            case Syntax.Nested nested -> sharedBytes(nested.items());
            default -> 0;
          };
    }
    return bytes;
  }

  /**
   * Translates a kernel.
   *
   * @param globals addresses of the module's variables in global memory
   */
  static Kernel translate(Syntax.Module module, String name, Map<String, Long> globals) {
    Function function = module.functions().get(name);
    if (function == null || !function.entry() || function.body() == null) {
      throw new PtxException(
          1,
          "there is no kernel '%s', only %s"
              .formatted(
                  name,
                  module.functions().values().stream()
                      .filter(Function::entry)
                      .map(Function::name)
                      .toList()));
    }
    return new Translator(module, globals).kernel(function);
  }

  private Kernel kernel(Function function) {
    Scope scope = new Scope(moduleScope());
    int parameterBytes = 0;
    for (Variable parameter : function.parameters()) {
      int address = align(parameterBytes, parameter.alignment());
      scope.bind(parameter.name(), new Place(Space.PARAM, address));
      parameterBytes = address + (int) parameter.bytes();
    }
    translate(function, scope, null);
    return new Kernel(
        function.name(),
        code.toArray(Instruction[]::new),
        registerNames.size(),
        registerNames,
        constants,
        specials,
        parameterBytes,
        sharedVariables,
        dynamicBase,
        smallestSharedAccess,
        align(localTop, PARAMETER_ALIGNMENT),
        function.mostThreads(),
        function.exactThreads(),
        function.cluster(),
        asynchronous);
  }

  private static int align(int address, int alignment) {
    return (address + alignment - 1) & -alignment;
  }

  private Scope moduleScope() {
    Scope scope = new Scope(null);
    globals.forEach((name, address) -> scope.bind(name, new Place(Space.GLOBAL, address)));
    for (Variable variable : module.variables()) {
      if (variable.space() == Space.SHARED) {
        scope.bind(variable.name(), place(variable));
      }
    }
    return scope;
  }

  /**
   * Appends a function's code, and an end that is reached where control falls out of it.
   *
   * @param end where a return goes; null where it ends the thread
   */
  private void translate(Function function, Scope scope, Label end) {
    if (calls.contains(function.name())) {
      throw new PtxException(
          function.line(), function.name() + " calls itself, which the interpreter does not know");
    }
    calls.push(function.name());
    translate(function.body(), scope, end);
    calls.pop();
    if (end == null) {
      Statement source =
          new Statement(
              function.line(), "end of " + function.name(), null, false, "exit", List.of());
      append(source, scope, null);
    } else {
      end.place(code.size());
    }
  }

  private void translate(List<Item> items, Scope scope, Label end) {
    for (Item item : items) {
      declare(item, scope);
    }
    for (Item item : items) {
      switch (item) {
        case Syntax.Label label -> ((Label) scope.find(label.name())).place(code.size());
        case Syntax.Nested nested -> translate(nested.items(), new Scope(scope), end);
        case Statement statement -> append(statement, scope, end);
        case Variable _, Syntax.Registers _, Syntax.BranchTargets _ -> {}
      }
    }
  }

  private void declare(Item item, Scope scope) {
    switch (item) {
      case Syntax.Registers registers -> declare(registers, scope);
      case Variable variable -> scope.bind(variable.name(), place(variable));
      case Syntax.Label label -> scope.bind(label.name(), new Label());
      case Syntax.BranchTargets targets ->
          scope.bind(targets.name(), new Scope.Targets(targets.labels()));
      case Syntax.Nested _, Statement _ -> {}
    }
  }

  private void declare(Syntax.Registers registers, Scope scope) {
    if (registers.count() < 0) {
      scope.bind(registers.name(), new Register(newRegister(registers.name()), registers.type()));
    }
    for (int i = 0; i < registers.count(); i++) {
      String name = registers.name() + i;
      scope.bind(name, new Register(newRegister(name), registers.type()));
    }
  }

  private int newRegister(String name) {
    registerNames.add(name);
    return registerNames.size() - 1;
  }

  private Place place(Variable variable) {
    return places.computeIfAbsent(variable, this::newPlace);
  }

  private Place newPlace(Variable variable) {
    return switch (variable.space()) {
      case SHARED -> new Place(Space.SHARED, sharedAddress(variable));
      case LOCAL, PARAM -> {
        int address = align(localTop, variable.alignment());
        localTop = address + (int) variable.bytes();
        yield new Place(Space.LOCAL, address);
      }
      default ->
          throw new PtxException(
              variable.line(), "a variable of the space " + variable.space() + " in a function");
    };
  }

  private int sharedAddress(Variable variable) {
    if (variable.elements() == 0) {
      return dynamicBase;
    }
    int address = align(sharedTop, Math.max(SHARED_GAP, variable.alignment()));
    int bytes = (int) variable.bytes();
    sharedTop = address + bytes + SHARED_GAP;
    sharedVariables.add(new Kernel.SharedVariable(variable.name(), address, bytes));
    return address;
  }

  private void append(Statement statement, Scope scope, Label end) {
    if (statement.opcode().startsWith("call")) {
      call(statement, scope);
      return;
    }
    code.add(new Decoding(statement, scope, end, this).instruction());
  }

  /**
   * {@code call (results), function, (arguments)}: binds the function's parameters to the caller's
   * variables.
   */
  private void call(Statement statement, Scope scope) {
    List<Operand> operands = statement.operands();
    boolean hasResults = operands.getFirst() instanceof Syntax.Group;
    List<Operand> results = hasResults ? members(operands.getFirst()) : List.of();
    int callee = hasResults ? 1 : 0;
    List<Operand> arguments =
        operands.size() > callee + 1 ? members(operands.get(callee + 1)) : List.of();
    Function function =
        operands.get(callee) instanceof Syntax.Name(String name)
            ? module.functions().get(name)
            : null;
    if (function == null
        || function.body() == null
        || results.size() != function.results().size()
        || arguments.size() != function.parameters().size()) {
      throw new PtxException(
          statement.line(), "the interpreter cannot call what is called here: " + statement.text());
    }
    Scope inner = new Scope(moduleScope());
    bind(function.results(), results, scope, inner);
    bind(function.parameters(), arguments, scope, inner);
    Label end = new Label();
    if (statement.guard() != null) {
      List<Operand> target = List.of(new Syntax.Name("end of call"));
      Statement skip =
          new Statement(
              statement.line(),
              statement.text(),
              statement.guard(),
              !statement.inverted(),
              "bra",
              target);
      Scope around = new Scope(scope);
      around.bind("end of call", end);
      append(skip, around, null);
    }
    translate(function, inner, end);
  }

  private static List<Operand> members(Operand group) {
    return group instanceof Syntax.Group(List<Operand> members) ? members : List.of();
  }

  private static void bind(List<Variable> formal, List<Operand> actual, Scope outer, Scope inner) {
    for (int i = 0; i < formal.size(); i++) {
      String name = ((Syntax.Name) actual.get(i)).name();
      inner.bind(formal.get(i).name(), outer.find(name));
    }
  }

  /** Number of the register that holds a value throughout. */
  int constant(long value) {
    return constants.computeIfAbsent(value, v -> newRegister(String.valueOf(v)));
  }

  /** Number of the register that holds what the hardware sets. */
  int special(SpecialRegister special) {
    return specials.computeIfAbsent(special, s -> newRegister(s.text()));
  }

  /** There are instructions that go on by themselves. */
  void asynchronous() {
    asynchronous = true;
  }

  /** An access of this size may be to shared memory. */
  void sharedAccess(int bytes) {
    smallestSharedAccess = Math.min(smallestSharedAccess, bytes);
  }
}
