package dev.fovea.kernels.cuda.driver;

import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** What the driver's result codes mean. */
final class CudaErrors {

  private CudaErrors() {}

  /**
   * The exception for a result code, where there is no context yet.
   *
   * @param what what was tried, so that "... failed" can follow
   */
  static CudaException failure(int result, String what) {
    return failure(result, what, kind(result));
  }

  /**
   * The same in a context that has worked before. What the driver has no name for is a loss there:
   * in front of a context it says that there is something wrong with the installation.
   */
  static CudaException failureInUse(int result, String what) {
    boolean unknown = result == CUresult.CUDA_ERROR_UNKNOWN;
    return failure(result, what, unknown ? Kind.LOST : kind(result));
  }

  private static CudaException failure(int result, String what, Kind kind) {
    return new CudaException(what + " failed: " + describe(result, kind), kind, null);
  }

  /** The driver's name and text of a result code, and what to do where that is known. */
  private static String describe(int result, Kind kind) {
    String[] name = new String[1];
    String[] text = new String[1];
    JCudaDriver.cuGetErrorName(result, name);
    JCudaDriver.cuGetErrorString(result, text);
    String description =
        name[0] == null
            ? "result code %d, which this driver does not know".formatted(result)
            : "%s (%d): %s".formatted(name[0], result, text[0]);
    String advice = advice(result, kind);
    return advice.isEmpty() ? description : description + "; " + advice;
  }

  private static String advice(int result, Kind kind) {
    return switch (kind) {
      case LOST ->
          "the GPU's context is lost with everything in it: close this device and open it again; if"
              + " that fails, restart the process";
      case OUT_OF_MEMORY ->
          "use a smaller model, batch or image, or end other processes on this GPU";
      case NO_DEVICE ->
          "a GPU has to be there and visible: look at nvidia-smi and at CUDA_VISIBLE_DEVICES; start"
              + " a container with --gpus all";
      case FAILED -> adviceOnFailure(result);
    };
  }

  private static String adviceOnFailure(int result) {
    return switch (result) {
      case CUresult.CUDA_ERROR_STUB_LIBRARY ->
          "the libcuda.so.1 that was found is the CUDA toolkit's placeholder: remove its folder"
              + " from LD_LIBRARY_PATH";
      case CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION -> "install a newer NVIDIA driver";
      case CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND ->
          "libnvidia-ptxjitcompiler.so.1 is missing: install all of the NVIDIA driver";
      case CUresult.CUDA_ERROR_JIT_COMPILATION_DISABLED ->
          "unset CUDA_DISABLE_PTX_JIT: the kernels come as PTX";
      case CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE ->
          "another process has the GPU for itself: end it, or choose another GPU with"
              + " CUDA_VISIBLE_DEVICES";
      case CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
          "libcuda.so.1 and the kernel's NVIDIA module are of different versions: restart the"
              + " machine after an update";
      case CUresult.CUDA_ERROR_UNKNOWN ->
          "often the kernel's NVIDIA module is not loaded: look at nvidia-smi and dmesg";
      default -> "";
    };
  }

  private static Kind kind(int result) {
    return switch (result) {
      case CUresult.CUDA_ERROR_OUT_OF_MEMORY -> Kind.OUT_OF_MEMORY;
      case CUresult.CUDA_ERROR_NO_DEVICE -> Kind.NO_DEVICE;
      // Nothing works in a context after these.
      case CUresult.CUDA_ERROR_DEINITIALIZED,
          CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED ->
          Kind.LOST;
      default -> Kind.FAILED;
    };
  }
}
