package dev.fovea.kernels.cuda.driver;

import java.util.Objects;

/**
 * Matrix products of a library of NVIDIA's on a driver's stream: {@code C = A W^T}, all matrices
 * row-major as the kernels have them, sums in float32. Used on the driver's thread and closed
 * before the driver.
 *
 * <p>The first product of a shape must not be recorded into a graph: the library may load kernels
 * then. Which kernel it takes depends on the number of rows, so the bits of a row may as well; the
 * same call gives the same bits.
 */
public interface MatrixProducts extends AutoCloseable {

  /** Device memory that a library may use for partial sums; NVIDIA's advice for Hopper. */
  long WORKSPACE_BYTES = 32L << 20;

  /** Addresses and rows have to be aligned to so many bytes: one load of a thread. */
  int ALIGNMENT = 16;

  /** Numbers of a matrix. */
  enum ElementType {
    /** float32. */
    F32(0, 4),

    /** IEEE half precision. */
    F16(2, 2),

    /** bfloat16. */
    BF16(14, 2);

    private final int code;
    private final int bytes;

    ElementType(int code, int bytes) {
      this.code = code;
      this.bytes = bytes;
    }

    /** The number that NVIDIA's libraries know it by. */
    int code() {
      return code;
    }

    /** Bytes of a number. */
    int bytes() {
      return bytes;
    }
  }

  /** What is done to a sum before it is stored. */
  enum Epilogue {
    /** Nothing. */
    NONE,

    /** A number of its column is added. */
    BIAS,

    /** The same, then GELU in its tanh form, which is up to 4.7e-4 off the one with erf. */
    BIAS_GELU
  }

  /**
   * What products of one kind have in common.
   *
   * @param rows of A and C
   * @param columns of C, rows of W
   * @param inner columns of A and W
   * @param strideA numbers from one row of A to the next
   * @param strideW the same of W
   * @param strideC the same of C
   * @param operands of A and W: 16 bits
   * @param result of C and the bias: {@code operands} or float32
   * @param epilogue done before C is stored
   * @param accumulate whether the product is added to what C has
   */
  record Shape(
      int rows,
      int columns,
      int inner,
      int strideA,
      int strideW,
      int strideC,
      ElementType operands,
      ElementType result,
      Epilogue epilogue,
      boolean accumulate) {

    /** Checks sizes and types. */
    public Shape {
      Objects.requireNonNull(epilogue, "epilogue");
      if (rows < 1 || columns < 1 || inner < 1) {
        throw new IllegalArgumentException(
            "a product has at least one row, column and summand, not %d, %d and %d"
                .formatted(rows, columns, inner));
      }
      if (operands == ElementType.F32 || (result != operands && result != ElementType.F32)) {
        throw new IllegalArgumentException(
            "operands have 16 bits, and the result has their type or float32, not %s and %s"
                .formatted(operands, result));
      }
      checkStride("A", strideA, inner, operands);
      checkStride("W", strideW, inner, operands);
      checkStride("C", strideC, columns, result);
    }

    private static void checkStride(String name, int stride, int least, ElementType type) {
      if (stride < least || stride * type.bytes() % ALIGNMENT != 0) {
        throw new IllegalArgumentException(
            "rows of %s lie at least %d numbers apart, a multiple of %d, not %d"
                .formatted(name, least, ALIGNMENT / type.bytes(), stride));
      }
    }
  }

  /** The library and its version. */
  String description();

  /** Whether the library does this itself; otherwise it takes a kernel of its own. */
  boolean fuses(Epilogue epilogue);

  /**
   * Puts a product on the stream.
   *
   * @param a address of A
   * @param w address of W
   * @param bias address of one number per column; 0 with {@link Epilogue#NONE}
   * @param c address of C
   * @throws CudaException if the library cannot do it
   */
  void multiply(Shape shape, long a, long w, long bias, long c);

  /** Frees the library's memory on the device. Idempotent. */
  @Override
  void close();

  /**
   * Opens cuBLAS 12, to which JCuda is bound.
   *
   * @throws CudaException if it cannot be used; the message says why and what to do
   */
  static MatrixProducts cublas(CudaDriver driver) {
    if (driver instanceof JCudaBinding binding) {
      return Cublas.open(binding);
    }
    throw new IllegalArgumentException("cuBLAS runs on a GPU only, not on " + driver);
  }

  /**
   * Opens cuBLASLt of CUDA 13 or 12.
   *
   * @throws CudaException if it cannot be used; the message says why and what to do
   */
  static MatrixProducts cublasLt(CudaDriver driver) {
    return CublasLt.open(driver);
  }
}
