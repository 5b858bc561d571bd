package dev.fovea.kernels.cuda.interpreter;

/** Something that a kernel must not do; the message says what, and which thread did it where. */
public final class KernelFault extends RuntimeException {

  private static final long serialVersionUID = 1;

  KernelFault(String message) {
    super(message);
  }
}
