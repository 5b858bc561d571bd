package dev.fovea.kernels.cuda.interpreter;

import dev.fovea.kernels.cuda.driver.CudaException;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import dev.fovea.kernels.cuda.interpreter.Syntax.Variable;
import java.util.HashMap;
import java.util.Map;

/**
 * A module whose variables have their places in memory. Kernels are translated when they are asked
 * for.
 */
final class PtxModule {

  /** CUDA 11 understands PTX 7, CUDA 12 understands PTX 8, and so on. */
  private static final int CUDA_BEFORE_PTX = 4;

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

  /** Throws if the driver does not understand the module, or the device cannot run it. */
  void check(GpuFacts facts) {
    int version = syntax.version();
    int needed = version / 10 + CUDA_BEFORE_PTX;
    int driver = facts.driverVersion() / 1000;
    if (needed > driver) {
      throw new CudaException(
          "the module is PTX %d.%d, which needs a driver for CUDA %d, but this one is for %d"
              .formatted(version / 10, version % 10, needed, driver));
    }
    if (!runsOn(facts.capability())) {
      throw new CudaException(
          "the module is for %s, but the device has compute capability %d"
              .formatted(syntax.target(), facts.capability()));
    }
  }

  /** Targets with a letter run on that device only, others on all later ones as well. */
  private boolean runsOn(int capability) {
    int target = Integer.parseInt(syntax.target().replaceAll("\\D", ""));
    return syntax.target().endsWith("a") ? capability == target : capability >= target;
  }

  /** True if a variable of this module has the address. */
  boolean owns(long address) {
    return globals.containsValue(address);
  }

  Kernel kernel(String name) {
    return kernels.computeIfAbsent(name, n -> Translator.translate(syntax, n, globals));
  }
}
