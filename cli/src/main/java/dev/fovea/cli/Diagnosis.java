package dev.fovea.cli;

import com.sun.management.OperatingSystemMXBean;
import dev.fovea.hub.Hub;
import dev.fovea.kernels.DeviceProvider;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** Looks at this machine, this JVM and what is on the class path. */
final class Diagnosis {

  /** ViT-g needs 4.5 GB of weights in memory, and activations. */
  private static final long GIANT = 6L << 30;

  private Diagnosis() {}

  static List<Finding> findings() {
    List<Finding> findings = new ArrayList<>();
    findings.add(java());
    findings.add(vectors());
    findings.add(processors());
    findings.add(memory());
    findings.addAll(devices(ServiceLoader.load(DeviceProvider.class)));
    findings.add(hub());
    return findings;
  }

  private static Finding java() {
    Runtime.Version version = Runtime.version();
    String text =
        "%s, %s, %s, %s %s"
            .formatted(
                version,
                System.getProperty("java.vm.name"),
                System.getProperty("java.vendor"),
                System.getProperty("os.name"),
                System.getProperty("os.arch"));
    boolean old = version.compareToIgnoreOptional(Runtime.Version.parse("25.0.3")) < 0;
    return new Finding("java", text, old ? "use 25.0.3 or newer" : null);
  }

  private static Finding vectors() {
    boolean present = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    return present
        ? new Finding("vectors", "module jdk.incubator.vector is there", null)
        : new Finding(
            "vectors",
            "module jdk.incubator.vector is not there: scalar kernels, tens of times slower",
            "start Java with --add-modules jdk.incubator.vector");
  }

  private static Finding processors() {
    Runtime runtime = Runtime.getRuntime();
    return new Finding(
        "threads",
        runtime.availableProcessors() + ": one per processor of this machine or container",
        null);
  }

  private static Finding memory() {
    long heap = Runtime.getRuntime().maxMemory();
    long memory =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    String text = "heap up to %s of %s".formatted(gigabytes(heap), gigabytes(memory));
    String advice =
        heap >= GIANT
            ? null
            : memory >= GIANT + GIANT / 4
                ? "for ViT-g, allow more: FOVEA_JAVA_OPTS=-Xmx6g"
                : "too little for ViT-g, which needs 6 GB; the others fit in 2 GB";
    return new Finding("memory", text, advice);
  }

  private static String gigabytes(long bytes) {
    return "%.1f GB".formatted(bytes / (double) (1L << 30));
  }

  /** What every kind of device says of itself, and what is missing for NVIDIA GPUs. */
  static List<Finding> devices(Iterable<DeviceProvider> providers) {
    List<Finding> findings = new ArrayList<>();
    for (DeviceProvider provider : providers) {
      findings.add(new Finding(provider.name(), provider.diagnosis(), null));
    }
    if (findings.stream().noneMatch(finding -> finding.topic().equals("cuda"))) {
      findings.add(
          new Finding(
              "cuda",
              "not there: fovea-kernels-cuda is not on the class path",
              "for an NVIDIA GPU (Linux on x86-64) add dev.fovea:fovea-kernels-cuda"));
    }
    return findings;
  }

  private static Finding hub() {
    try {
      Hub hub = Hub.fromEnvironment();
      return new Finding("hub", hub.server() + ", cache " + hub.cache(), null);
    } catch (IllegalArgumentException e) {
      return new Finding("hub", e.getMessage(), "correct HF_ENDPOINT");
    }
  }
}
