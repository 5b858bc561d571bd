package dev.fovea.kernels.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;

/**
 * Matrix products by cuBLASLt, which has epilogues. How a shape is multiplied is asked of the
 * library once, for algorithms that give the same bits every time (no atomic sums).
 */
final class CublasLt implements MatrixProducts {

  // Numbers of cublasLt.h.
  private static final int COMPUTE_F32 = 68;
  private static final int OPERATION_TRANSPOSE_FIRST = 3;
  private static final int OPERATION_EPILOGUE = 7;
  private static final int OPERATION_BIAS = 8;
  private static final int TRANSPOSED = 1;
  private static final int PREFERENCE_WORKSPACE_BYTES = 1;
  private static final int PREFERENCE_REDUCTIONS = 3;
  private static final int PREFERENCE_FIRST_ALIGNMENT = 5;
  private static final int PREFERENCE_LAST_ALIGNMENT = 8;

  /** Partial sums go to the workspace as float32 and are added in order. */
  private static final int REDUCTION_COMPUTE_TYPE = 2;

  /** An algorithm of 64 bytes, then the size of its workspace, a status, and more. */
  private static final int HEURISTIC_BYTES = 96;

  private static final int HEURISTIC_WORKSPACE = 64;

  private static final MemorySegment ZERO = Arena.global().allocateFrom(ValueLayout.JAVA_FLOAT, 0);
  private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_FLOAT, 1);

  private final CudaDriver driver;
  private final CublasLtLibrary library;
  private final Map<Shape, Prepared> prepared = new HashMap<>();
  private final long handle;
  private final long workspace;
  private boolean closed;

  /** A shape's operation and layouts, as the library knows them, and its algorithm. */
  private record Prepared(
      long operation, long w, long a, long c, MemorySegment algorithm, long workspaceBytes) {}

  private CublasLt(CudaDriver driver, CublasLtLibrary library) {
    this.driver = driver;
    this.library = library;
    handle = create("cublasLtCreate");
    workspace = allocateWorkspace();
  }

  static CublasLt open(CudaDriver driver) {
    return new CublasLt(driver, CublasLtLibrary.load());
  }

  private long allocateWorkspace() {
    try {
      return driver.allocate(WORKSPACE_BYTES);
    } catch (CudaException e) {
      library.destroy("cublasLtDestroy", handle);
      throw e;
    }
  }

  @Override
  public String description() {
    return describe(library);
  }

  static String describe(CublasLtLibrary library) {
    return "cuBLASLt %s (%s)".formatted(version(library.version()), library.name());
  }

  /** The version as people write it. */
  static String version(int version) {
    return "%d.%d.%d".formatted(version / 10000, version / 100 % 100, version % 100);
  }

  @Override
  public boolean fuses(Epilogue epilogue) {
    return true;
  }

  @Override
  public void multiply(Shape shape, long a, long w, long bias, long c) {
    if (((a | w | bias | c) & (ALIGNMENT - 1)) != 0) {
      throw new IllegalArgumentException(
          "addresses are multiples of %d, not %x, %x, %x and %x"
              .formatted(ALIGNMENT, a, w, bias, c));
    }
    Prepared how = prepared.get(shape);
    if (how == null) {
      how = prepare(shape, bias);
      prepared.put(shape, how);
    }
    setBias(how.operation(), shape.epilogue(), bias);
    library.call(
        "cublasLtMatmul",
        handle,
        how.operation(),
        ONE,
        w,
        how.w(),
        a,
        how.a(),
        shape.accumulate() ? ONE : ZERO,
        c,
        how.c(),
        c,
        how.c(),
        how.algorithm(),
        workspace,
        how.workspaceBytes(),
        driver.stream());
  }

  /** The library counts columns first, and so sees C^T = W A^T; a row of W is a column of its. */
  private Prepared prepare(Shape shape, long bias) {
    long operation = create("cublasLtMatmulDescCreate", COMPUTE_F32, ElementType.F32.code());
    set("MatmulDesc", operation, OPERATION_TRANSPOSE_FIRST, TRANSPOSED);
    set("MatmulDesc", operation, OPERATION_EPILOGUE, code(shape.epilogue()));
    setBias(operation, shape.epilogue(), bias);
    long w = layout(shape.operands(), shape.inner(), shape.columns(), shape.strideW());
    long a = layout(shape.operands(), shape.inner(), shape.rows(), shape.strideA());
    long c = layout(shape.result(), shape.columns(), shape.rows(), shape.strideC());
    MemorySegment heuristic = Arena.ofAuto().allocate(HEURISTIC_BYTES, Long.BYTES);
    MemorySegment found = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);
    long preference = preference();
    library.call(
        "cublasLtMatmulAlgoGetHeuristic",
        handle,
        operation,
        w,
        a,
        c,
        c,
        preference,
        1,
        heuristic,
        found);
    library.destroy("cublasLtMatmulPreferenceDestroy", preference);
    if (found.get(ValueLayout.JAVA_INT, 0) == 0) {
      throw new CudaException("%s has no algorithm for %s".formatted(description(), shape));
    }
    return new Prepared(
        operation, w, a, c, heuristic, heuristic.get(ValueLayout.JAVA_LONG, HEURISTIC_WORKSPACE));
  }

  private static int code(Epilogue epilogue) {
    return switch (epilogue) {
      case NONE -> 1;
      case BIAS -> 4;
      case BIAS_GELU -> 36;
    };
  }

  private void setBias(long operation, Epilogue epilogue, long bias) {
    if (epilogue != Epilogue.NONE) {
      set("MatmulDesc", operation, OPERATION_BIAS, bias);
    }
  }

  private long layout(ElementType type, long rows, long columns, long stride) {
    return create("cublasLtMatrixLayoutCreate", type.code(), rows, columns, stride);
  }

  private long preference() {
    long preference = create("cublasLtMatmulPreferenceCreate");
    set("MatmulPreference", preference, PREFERENCE_WORKSPACE_BYTES, WORKSPACE_BYTES);
    set("MatmulPreference", preference, PREFERENCE_REDUCTIONS, REDUCTION_COMPUTE_TYPE);
    for (int matrix = PREFERENCE_FIRST_ALIGNMENT; matrix <= PREFERENCE_LAST_ALIGNMENT; matrix++) {
      set("MatmulPreference", preference, matrix, ALIGNMENT);
    }
    return preference;
  }

  /** Calls a function that gives a handle through its first argument. */
  private long create(String function, Object... arguments) {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment result = call.allocate(ValueLayout.JAVA_LONG);
      Object[] all = new Object[arguments.length + 1];
      all[0] = result;
      System.arraycopy(arguments, 0, all, 1, arguments.length);
      library.call(function, all);
      return result.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  private void set(String kind, long object, int attribute, int value) {
    try (Arena call = Arena.ofConfined()) {
      set(kind, object, attribute, call.allocateFrom(ValueLayout.JAVA_INT, value));
    }
  }

  private void set(String kind, long object, int attribute, long value) {
    try (Arena call = Arena.ofConfined()) {
      set(kind, object, attribute, call.allocateFrom(ValueLayout.JAVA_LONG, value));
    }
  }

  private void set(String kind, long object, int attribute, MemorySegment value) {
    library.call("cublasLt" + kind + "SetAttribute", object, attribute, value, value.byteSize());
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      for (Prepared how : prepared.values()) {
        library.destroy("cublasLtMatmulDescDestroy", how.operation());
        library.destroy("cublasLtMatrixLayoutDestroy", how.w());
        library.destroy("cublasLtMatrixLayoutDestroy", how.a());
        library.destroy("cublasLtMatrixLayoutDestroy", how.c());
      }
      library.destroy("cublasLtDestroy", handle);
      driver.free(workspace);
    }
  }
}
