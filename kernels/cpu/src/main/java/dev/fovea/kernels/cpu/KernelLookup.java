package dev.fovea.kernels.cpu;

import dev.fovea.kernels.cpu.vector.VectorKernels;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Chooses between the scalar and the vector kernels.
 *
 * <p>What the caller asks for wins; if that is "auto", the system property {@code fovea.kernels}
 * decides; if that is "auto" too or not set, the vector kernels are taken wherever they run well.
 */
final class KernelLookup {

  static final String PROPERTY = "fovea.kernels";

  private static final String AUTO = "auto";
  private static final Logger LOGGER = System.getLogger("dev.fovea.kernels");
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private KernelLookup() {}

  /**
   * The kernels to use on this machine. Falling back to the scalar ones is a warning, once.
   *
   * @param request "auto", "scalar" or "vector"
   * @throws IllegalStateException if the vector kernels are demanded and cannot run
   */
  static CpuKernels choose(String request) {
    return switch (resolve(request)) {
      case "scalar" -> new ScalarKernels();
      case "vector" -> {
        Optional<String> obstacle = JavaMachine.current().obstacle();
        if (obstacle.isPresent()) {
          throw new IllegalStateException("no vector kernels: " + obstacle.get());
        }
        yield new VectorKernels();
      }
      default -> bestPossible();
    };
  }

  private static CpuKernels bestPossible() {
    Optional<String> obstacle = JavaMachine.current().obstacle();
    if (obstacle.isEmpty()) {
      return new VectorKernels();
    }
    if (!WARNED.getAndSet(true)) {
      LOGGER.log(
          Level.WARNING,
          "Using the scalar kernels, which are many times slower: " + obstacle.get());
    }
    return new ScalarKernels();
  }

  /** "auto", "scalar" or "vector", after the system property had its say. */
  private static String resolve(String request) {
    checkName("kernels of the CPU", request);
    if (!request.equals(AUTO)) {
      return request;
    }
    String property = System.getProperty(PROPERTY, AUTO);
    checkName("the system property " + PROPERTY, property);
    return property;
  }

  private static void checkName(String what, String name) {
    switch (name) {
      case AUTO, "scalar", "vector" -> {}
      default ->
          throw new IllegalArgumentException(
              what + " must be auto, scalar or vector, got '" + name + "'");
    }
  }

  /** What {@code choose("auto")} would give, and why. */
  static String diagnosis() {
    String requested = System.getProperty(PROPERTY, AUTO);
    Optional<String> obstacle = JavaMachine.current().obstacle();
    String possible =
        obstacle
            .map(reason -> "scalar kernels; no vector kernels, because " + reason)
            .orElseGet(() -> new VectorKernels().description());
    return requested.equals(AUTO)
        ? possible
        : "%s kernels, as the system property %s says (without it: %s)"
            .formatted(requested, PROPERTY, possible);
  }
}
