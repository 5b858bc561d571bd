package dev.fovea.kernels.cuda.driver;

import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;

/**
 * The driver's handles as numbers. JCuda wraps them in objects and shows the number only to their
 * subclasses; an object for a number cannot be made, so whoever gives numbers away keeps the
 * objects.
 */
final class Handles {

  private Handles() {}

  /** A handle that tells its number. */
  interface Handle {

    /** The driver's own value. */
    long value();
  }

  static final class Module extends CUmodule implements Handle {
    @Override
    public long value() {
      return getNativePointer();
    }
  }

  static final class Function extends CUfunction implements Handle {
    @Override
    public long value() {
      return getNativePointer();
    }
  }

  static final class Graph extends CUgraphExec implements Handle {
    @Override
    public long value() {
      return getNativePointer();
    }
  }

  static final class Event extends CUevent implements Handle {
    @Override
    public long value() {
      return getNativePointer();
    }
  }

  static final class Stream extends CUstream implements Handle {
    @Override
    public long value() {
      return getNativePointer();
    }
  }

  static final class DeviceAddress extends CUdeviceptr implements Handle {
    @Override
    public long value() {
      return getNativePointer();
    }
  }

  static final class HostAddress extends Pointer implements Handle {
    @Override
    public long value() {
      return getNativePointer();
    }
  }

  /** An address on the device, for a call. */
  static CUdeviceptr device(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  /** An address in native memory of the host, for a call. */
  static Pointer host(long address) {
    return new Pointer().withByteOffset(address);
  }

  /** The object of a number. Allocates nothing, since every start of a graph comes here. */
  static <H extends Handle> H find(List<H> handles, long value, String what) {
    for (int i = 0; i < handles.size(); i++) {
      H handle = handles.get(i);
      if (handle.value() == value) {
        return handle;
      }
    }
    throw new IllegalArgumentException(
        "0x%x is no %s of this driver, or no longer".formatted(value, what));
  }
}
