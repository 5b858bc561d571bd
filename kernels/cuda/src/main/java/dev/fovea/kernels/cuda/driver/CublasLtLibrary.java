package dev.fovea.kernels.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.jcublas.cublasStatus;

/**
 * The functions of libcublasLt, which has the same ones in CUDA 12 and 13. Handles and addresses on
 * the device are numbers here.
 *
 * <p>Calls are slow, some microseconds; they are made when something is prepared or recorded.
 */
final class CublasLtLibrary {

  private static final List<String> NAMES = List.of("libcublasLt.so.13", "libcublasLt.so.12");

  private final String name;
  private final SymbolLookup symbols;
  private final Map<String, MethodHandle> functions = new HashMap<>();
  private final int version;

  private CublasLtLibrary(String name, SymbolLookup symbols) {
    this.name = name;
    this.symbols = symbols;
    bind("cublasLtCreate", ADDRESS);
    bind("cublasLtDestroy", JAVA_LONG);
    bind("cublasLtMatmulDescCreate", ADDRESS, JAVA_INT, JAVA_INT);
    bind("cublasLtMatmulDescSetAttribute", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    bind("cublasLtMatmulDescDestroy", JAVA_LONG);
    bind("cublasLtMatrixLayoutCreate", ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    bind("cublasLtMatrixLayoutDestroy", JAVA_LONG);
    bind("cublasLtMatmulPreferenceCreate", ADDRESS);
    bind("cublasLtMatmulPreferenceSetAttribute", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    bind("cublasLtMatmulPreferenceDestroy", JAVA_LONG);
    // Handle, operation, layouts of A, B, C and D, preference, how many, results, how many came.
    bind(
        "cublasLtMatmulAlgoGetHeuristic",
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_INT,
        ADDRESS,
        ADDRESS);
    // Handle, operation, alpha, A, B, beta, C, D with their layouts, algorithm, workspace, stream.
    bind(
        "cublasLtMatmul",
        JAVA_LONG,
        JAVA_LONG,
        ADDRESS,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        ADDRESS,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG,
        ADDRESS,
        JAVA_LONG,
        JAVA_LONG,
        JAVA_LONG);
    version = Math.toIntExact((long) invoke(handle("cublasLtGetVersion", JAVA_LONG)));
  }

  /**
   * Loads the newest that is there.
   *
   * @throws CudaException if there is none; the message says what was tried
   */
  @SuppressWarnings("restricted") // The library is NVIDIA's; its functions are declared above.
  static CublasLtLibrary load() {
    for (String name : NAMES) {
      SymbolLookup symbols;
      try {
        symbols = SymbolLookup.libraryLookup(name, Arena.global());
      } catch (IllegalArgumentException e) {
        continue;
      }
      return new CublasLtLibrary(name, symbols);
    }
    throw new CudaException(
        "neither %s can be loaded; install cuBLAS of CUDA 13 or 12, or add its folder to"
                .formatted(String.join(" nor ", NAMES))
            + " LD_LIBRARY_PATH; ptx does without");
  }

  /** The file's name. */
  String name() {
    return name;
  }

  /** 10000 x major + 100 x minor + patch. */
  int version() {
    return version;
  }

  /** Calls a function that returns a status. */
  void call(String function, Object... arguments) {
    int status = (int) invoke(functions.get(function), arguments);
    if (status != 0) {
      throw new CudaException(function + " failed: " + cublasStatus.stringFor(status));
    }
  }

  /** Calls a function that destroys what a handle is for; says nothing where that fails. */
  void destroy(String function, long handle) {
    invoke(functions.get(function), handle);
  }

  private void bind(String function, MemoryLayout... arguments) {
    functions.put(function, handle(function, JAVA_INT, arguments));
  }

  @SuppressWarnings("restricted")
  private MethodHandle handle(String function, MemoryLayout result, MemoryLayout... arguments) {
    MemorySegment address =
        symbols
            .find(function)
            .orElseThrow(
                () ->
                    new CudaException(
                        "%s has no function %s; install cuBLAS of CUDA 13 or 12"
                            .formatted(name, function)));
    return Linker.nativeLinker().downcallHandle(address, FunctionDescriptor.of(result, arguments));
  }

  private static Object invoke(MethodHandle function, Object... arguments) {
    try {
      return function.invokeWithArguments(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
