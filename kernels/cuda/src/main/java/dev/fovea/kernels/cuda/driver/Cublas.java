package dev.fovea.kernels.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/** Matrix products by cuBLAS, through JCuda. */
final class Cublas implements MatrixProducts {

  private static final Pointer ZERO = scalar(0);
  private static final Pointer ONE = scalar(1);

  private final JCudaBinding driver;
  private final cublasHandle handle = new cublasHandle();
  private long workspace;
  private int version;
  private boolean closed;

  private Cublas(JCudaBinding driver) {
    this.driver = driver;
  }

  /** Loads the library. */
  static void load() {
    try {
      JCudaNatives.CUBLAS.load();
    } catch (CudaException e) {
      throw new CudaException(
          e.getMessage()
              + "; JCuda wants libcublas.so.12 of CUDA 12, installed or in a folder of"
              + " LD_LIBRARY_PATH; cublaslt and ptx do without",
          e);
    }
    JCublas2.setExceptionsEnabled(false);
  }

  static Cublas open(JCudaBinding driver) {
    load();
    Cublas cublas = new Cublas(driver);
    check(JCublas2.cublasCreate(cublas.handle), "starting cuBLAS");
    try {
      cublas.prepare();
      return cublas;
    } catch (RuntimeException e) {
      cublas.close();
      throw e;
    }
  }

  private void prepare() {
    check(
        JCublas2.cublasSetStream(handle, new cudaStream_t(driver.cudaStream())),
        "giving cuBLAS the stream");
    // A recorded product must find memory where it was; and a new stream would take it away again.
    workspace = driver.allocate(WORKSPACE_BYTES);
    check(
        JCublas2.cublasSetWorkspace(handle, Handles.device(workspace), WORKSPACE_BYTES),
        "giving cuBLAS memory");
    // Partial sums stay float32 also where the result has 16 bits.
    check(
        JCublas2.cublasSetMathMode(
            handle, cublasMath.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION),
        "choosing how cuBLAS adds");
    int[] number = new int[1];
    check(JCublas2.cublasGetVersion(handle, number), "asking cuBLAS for its version");
    version = number[0];
  }

  private static Pointer scalar(float value) {
    return Handles.host(Arena.global().allocateFrom(ValueLayout.JAVA_FLOAT, value).address());
  }

  @Override
  public String description() {
    return "cuBLAS " + CublasLt.version(version);
  }

  @Override
  public boolean fuses(Epilogue epilogue) {
    return epilogue == Epilogue.NONE;
  }

  /** {@inheritDoc} cuBLAS counts columns first, and so sees C^T = W A^T. */
  @Override
  public void multiply(Shape shape, long a, long w, long bias, long c) {
    if (!fuses(shape.epilogue())) {
      throw new IllegalArgumentException("cuBLAS has no epilogue " + shape.epilogue());
    }
    check(
        JCublas2.cublasGemmEx_new(
            handle,
            cublasOperation.CUBLAS_OP_T,
            cublasOperation.CUBLAS_OP_N,
            shape.columns(),
            shape.rows(),
            shape.inner(),
            ONE,
            Handles.device(w),
            shape.operands().code(),
            shape.strideW(),
            Handles.device(a),
            shape.operands().code(),
            shape.strideA(),
            shape.accumulate() ? ONE : ZERO,
            Handles.device(c),
            shape.result().code(),
            shape.strideC(),
            cublasComputeType.CUBLAS_COMPUTE_32F,
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT),
        "multiplying with cuBLAS");
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      JCublas2.cublasDestroy(handle);
      if (workspace != 0) {
        driver.free(workspace);
      }
    }
  }

  private static void check(int status, String what) {
    if (status != 0) {
      throw new CudaException(what + " failed: " + cublasStatus.stringFor(status));
    }
  }
}
