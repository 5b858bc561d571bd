package dev.fovea.kernels.cuda.interpreter;

/**
 * A module that cannot be read, or a kernel with an instruction that the interpreter does not know.
 */
final class PtxException extends RuntimeException {

  private static final long serialVersionUID = 1;

  PtxException(int line, String message) {
    super("PTX line " + line + ": " + message);
  }
}
