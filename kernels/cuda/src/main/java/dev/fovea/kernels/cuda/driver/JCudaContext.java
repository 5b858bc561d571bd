package dev.fovea.kernels.cuda.driver;

import dev.fovea.kernels.cuda.driver.CudaException.Kind;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;

/**
 * A device's primary context, current on one thread, and what became of it. Everything in the
 * process shares this context, so libraries on top of the driver find it, and it may outlive this
 * object.
 */
final class JCudaContext implements AutoCloseable {

  private final CUdevice device;
  private final GpuFacts facts;
  private CudaException loss;
  private boolean closed;

  /**
   * Makes the context current on this thread.
   *
   * @throws CudaException if the device has no room, or belongs to somebody else
   */
  JCudaContext(CUdevice device, GpuFacts facts) {
    this.device = device;
    this.facts = facts;
    CUcontext context = new CUcontext();
    int result = JCudaDriver.cuDevicePrimaryCtxRetain(context, device);
    if (result != 0) {
      throw CudaErrors.failure(result, "making a context on " + facts.name());
    }
    try {
      check(JCudaDriver.cuCtxSetCurrent(context), "choosing the context");
    } catch (CudaException e) {
      close();
      throw e;
    }
  }

  GpuFacts facts() {
    return facts;
  }

  /** Throws what made the context unusable, if it is. */
  void requireUsable() {
    requireOpen();
    if (loss != null) {
      throw new CudaException(loss.getMessage(), Kind.LOST, loss);
    }
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this CUDA driver is closed; open it again");
    }
  }

  /**
   * Throws if a call has failed.
   *
   * @param what what the call was for, so that "... failed" can follow
   */
  void check(int result, String what) {
    if (result != 0) {
      CudaException failure = CudaErrors.failureInUse(result, what);
      if (failure.kind() == Kind.LOST) {
        loss = failure;
      }
      throw failure;
    }
  }

  /** The same for giving something back, which fails after a loss and then does not matter. */
  void checkRelease(int result, String what) {
    if (loss == null) {
      check(result, what);
    }
  }

  boolean closed() {
    return closed;
  }

  /** Gives the context back; a lost one is cleared away for everybody, so that a new one works. */
  @Override
  public void close() {
    closed = true;
    if (loss != null) {
      JCudaDriver.cuDevicePrimaryCtxReset(device);
    }
    JCudaDriver.cuDevicePrimaryCtxRelease(device);
  }
}
