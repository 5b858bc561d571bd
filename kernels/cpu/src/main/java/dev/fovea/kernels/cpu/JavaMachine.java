package dev.fovea.kernels.cpu;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.fovea.kernels.cpu.vector.VectorKernels;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the vector kernels need to know of the Java virtual machine.
 *
 * @param vectorModule true if the module jdk.incubator.vector can be read
 * @param name as in the system property {@code java.vm.name}
 * @param mode as in {@code java.vm.info}: "mixed mode", "interpreted mode", ...
 * @param flags values of the HotSpot flags that matter; without those it does not have
 * @param preferredBits width of its vectors; 0 if the module cannot be read
 * @param requestedBits the system property {@code fovea.kernels.bits}, or null
 */
record JavaMachine(
    boolean vectorModule,
    String name,
    String mode,
    Map<String, String> flags,
    int preferredBits,
    String requestedBits) {

  static final String VECTOR_MODULE = "jdk.incubator.vector";
  static final String BITS_PROPERTY = "fovea.kernels.bits";

  private static final List<String> FLAGS =
      List.of("TieredCompilation", "TieredStopAtLevel", "CompilationMode", "UseFMA");

  private static final int FEWEST_BITS = 128;
  private static final int C2_LEVEL = 4;

  /** The machine that runs this code. */
  static JavaMachine current() {
    boolean vectorModule =
        ModuleLayer.boot()
            .findModule(VECTOR_MODULE)
            .map(JavaMachine.class.getModule()::canRead)
            .orElse(false);
    return new JavaMachine(
        vectorModule,
        System.getProperty("java.vm.name", ""),
        System.getProperty("java.vm.info", ""),
        Flags.VALUES,
        vectorModule ? VectorKernels.preferredBits() : 0,
        System.getProperty(BITS_PROPERTY));
  }

  /** Read once: that loads the management beans, which takes a new virtual machine 30 ms. */
  private static final class Flags {
    static final Map<String, String> VALUES = Map.copyOf(hotSpotFlags());
  }

  private static Map<String, String> hotSpotFlags() {
    Map<String, String> values = new HashMap<>();
    if (ModuleLayer.boot().findModule("jdk.management").isEmpty()) {
      return values;
    }
    HotSpotDiagnosticMXBean bean =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    for (String flag : FLAGS) {
      try {
        values.put(flag, bean.getVMOption(flag).getValue());
      } catch (IllegalArgumentException e) {
        // This machine does not have the flag, so it cannot be set to something that matters.
      }
    }
    return values;
  }

  /** Why the vector kernels cannot run, or would be slow, and what to change; empty if they can. */
  Optional<String> obstacle() {
    if (!vectorModule) {
      return Optional.of(
          "the module jdk.incubator.vector is not there; start Java with --add-modules "
              + VECTOR_MODULE);
    }
    if (isNotHotSpot()) {
      return Optional.of(
          name + " does not compile the Vector API; use a HotSpot virtual machine (OpenJDK)");
    }
    return withoutC2().or(this::withoutFma).or(this::wrongWidth);
  }

  private boolean isNotHotSpot() {
    return !(name.contains("HotSpot") || name.contains("OpenJDK") || name.contains("GraalVM"));
  }

  private Optional<String> withoutC2() {
    if (name.contains("Client") || name.contains("Minimal") || name.contains("Zero")) {
      return Optional.of(name + " has no optimising compiler; use a Server VM");
    }
    if (mode.contains("interpreted")) {
      return Optional.of("Java only interprets here; start it without -Xint");
    }
    String level = flags.getOrDefault("TieredStopAtLevel", "");
    boolean tiered = !"false".equals(flags.get("TieredCompilation"));
    if (tiered && !level.isEmpty() && Integer.parseInt(level) < C2_LEVEL) {
      return Optional.of(
          "the optimising compiler is off; start Java without -XX:TieredStopAtLevel=" + level);
    }
    if ("quick-only".equals(flags.get("CompilationMode"))) {
      return Optional.of(
          "the optimising compiler is off; start Java without -XX:CompilationMode=quick-only");
    }
    return Optional.empty();
  }

  private Optional<String> withoutFma() {
    if ("false".equals(flags.get("UseFMA"))) {
      return Optional.of(
          "there is no fused multiply-add (the processor has none, or -XX:-UseFMA is set), "
              + "and without it the vector kernels are slower than the scalar ones");
    }
    return Optional.empty();
  }

  private Optional<String> wrongWidth() {
    if (preferredBits < FEWEST_BITS) {
      return Optional.of(
          "vectors have %d bits here, and at least %d are needed; is -XX:MaxVectorSize set?"
              .formatted(preferredBits, FEWEST_BITS));
    }
    if (requestedBits == null) {
      return Optional.empty();
    }
    if (!List.of("128", "256", "512").contains(requestedBits)) {
      return Optional.of(
          BITS_PROPERTY + " must be 128, 256 or 512, got '" + requestedBits + "'; correct it");
    }
    if (Integer.parseInt(requestedBits) > preferredBits) {
      return Optional.of(
          "%s asks for %s bits, but vectors have %d here; ask for less"
              .formatted(BITS_PROPERTY, requestedBits, preferredBits));
    }
    return Optional.empty();
  }
}
