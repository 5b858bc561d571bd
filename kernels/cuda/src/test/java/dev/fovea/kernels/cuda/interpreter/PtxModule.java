package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.interpreter.Syntax.Variable;
import java.util.HashMap;
import java.util.Map;

/**
 * A module whose variables have their places in memory. Kernels are translated when they are asked
 * for.
 */
final class PtxModule {

  private final Syntax.Module syntax;
  private final Map<String, Long> globals;
  private final Map<String, Kernel> kernels = new HashMap<>();

  private PtxModule(Syntax.Module syntax, Map<String, Long> globals) {
    this.syntax = syntax;
    this.globals = globals;
  }

  static PtxModule load(String ptx, GlobalMemory memory) {
    Syntax.Module syntax = Parser.parse(ptx);
    Map<String, Long> globals = new HashMap<>();
    for (Variable variable : syntax.variables()) {
      if (variable.space() != Space.SHARED) {
        globals.put(variable.name(), place(variable, memory));
      }
    }
    return new PtxModule(syntax, globals);
  }

  private static long place(Variable variable, GlobalMemory memory) {
    Allocation allocation = memory.allocate((int) variable.bytes());
    if (variable.initial() != null) {
      System.arraycopy(variable.initial(), 0, allocation.bytes, 0, variable.initial().length);
    }
    allocation.writeRange(0, allocation.size());
    return allocation.base();
  }

  /** Version of the language, 10 x major + minor. */
  int version() {
    return syntax.version();
  }

  String target() {
    return syntax.target();
  }

  /** True if a variable of this module has the address. */
  boolean owns(long address) {
    return globals.containsValue(address);
  }

  /** Targets with a letter run on that device only, others on all later ones as well. */
  boolean runsOn(int capability) {
    String number = syntax.target().replaceAll("\\D", "");
    int target = Integer.parseInt(number);
    return syntax.target().endsWith("a") ? capability == target : capability >= target;
  }

  Kernel kernel(String name) {
    return kernels.computeIfAbsent(name, n -> Translator.translate(syntax, n, globals));
  }
}
