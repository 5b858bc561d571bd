package dev.fovea.kernels.cuda.interpreter;

/** One instruction of a kernel, ready to be executed by any of its warps. */
abstract class Instruction {

  private static final int[] NONE = {};

  private Syntax.Statement source;
  private int guard = -1;
  private int inversion;
  private int[] reads = NONE;
  private int[] writes = NONE;
  private int[] sources = NONE;
  private int[] targets = NONE;

  /** Executes for these lanes, of which there is at least one. */
  abstract void execute(Warp warp, int lanes);

  /** Where it comes from. */
  Syntax.Statement source() {
    return source;
  }

  void setSource(Syntax.Statement statement) {
    source = statement;
  }

  /** The register numbers that have to be defined before it, and those that are defined by it. */
  void setRegisters(int[] read, int[] written) {
    reads = read;
    writes = written;
  }

  /** All register numbers that it reads and writes, defined or not. */
  void setOperands(int[] read, int[] written) {
    sources = read;
    targets = written;
  }

  /** All registers that it reads. */
  final int[] sources() {
    return sources;
  }

  /** All registers that it writes. */
  final int[] targets() {
    return targets;
  }

  /**
   * Makes it conditional.
   *
   * @param predicate register number
   */
  void setGuard(int predicate, boolean inverted) {
    guard = predicate;
    inversion = inverted ? -1 : 0;
  }

  /** Those of the active lanes that the guard lets through. */
  final int guarded(Warp warp, int active) {
    if (guard < 0) {
      return active;
    }
    requireDefined(warp, guard, active);
    return (warp.predicates[guard] ^ inversion) & active;
  }

  final void checkReads(Warp warp, int lanes) {
    for (int register : reads) {
      requireDefined(warp, register, lanes);
    }
  }

  static void requireDefined(Warp warp, int register, int lanes) {
    int undefined = lanes & ~warp.defined[register];
    if (undefined != 0) {
      throw warp.fault(
          Integer.numberOfTrailingZeros(undefined),
          "reads the register " + warp.registerName(register) + ", which has not been set");
    }
  }

  final void markWrites(Warp warp, int lanes) {
    for (int register : writes) {
      warp.defined[register] |= lanes;
    }
  }
}
