package dev.fovea.bench.gpu;

import dev.fovea.kernels.WeightStorage;
import dev.fovea.kernels.cuda.Workbench;
import dev.fovea.kernels.cuda.driver.GpuFacts;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What the figures were measured on. */
final class FactsStage implements Stage {

  private static final List<String> CLOCKS =
      List.of(
          "driver_version",
          "clocks.max.sm",
          "clocks.max.mem",
          "clocks.sm",
          "clocks.mem",
          "power.limit",
          "temperature.gpu",
          "pstate");

  @Override
  public String name() {
    return "facts";
  }

  @Override
  public void run(Setting setting, Results results) {
    Map<String, Object> row = host(setting.gpu());
    try (Workbench bench = setting.gpu().workbench(WeightStorage.F16, "auto")) {
      GpuFacts facts = bench.facts();
      row.putAll(
          Results.row(
              "device",
              facts.name(),
              "capability",
              facts.capability(),
              "processors",
              facts.processors(),
              "memory_bytes",
              facts.memoryBytes(),
              "shared_bytes_per_block",
              facts.sharedBytesPerBlock(),
              "driver_cuda",
              facts.driverVersion(),
              "fovea",
              bench.device().description()));
    }
    row.putAll(clocks());
    results.add(row);
  }

  /** What is known without a GPU. */
  static Map<String, Object> host(Gpu gpu) {
    return Results.row(
        "date",
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        "diagnosis",
        gpu.diagnosis().get(),
        "jvm",
        System.getProperty("java.vm.vendor") + " " + System.getProperty("java.vm.version"),
        "system",
        System.getProperty("os.name") + " " + System.getProperty("os.version"),
        "host_processor",
        hostProcessor(),
        "host_processors",
        Runtime.getRuntime().availableProcessors());
  }

  private static String hostProcessor() {
    try {
      return Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown");
    } catch (IOException e) {
      return "unknown";
    }
  }

  /** What NVIDIA's own tool says, where it is installed. */
  private static Map<String, Object> clocks() {
    ProcessBuilder tool =
        new ProcessBuilder(
                "nvidia-smi",
                "--id=0",
                "--query-gpu=" + String.join(",", CLOCKS),
                "--format=csv,noheader")
            .redirectErrorStream(true);
    Map<String, Object> row = Results.row();
    try {
      Process process = tool.start();
      try (InputStream out = process.getInputStream()) {
        String[] values = new String(out.readAllBytes(), StandardCharsets.UTF_8).split(",");
        if (process.waitFor(10, TimeUnit.SECONDS) && values.length == CLOCKS.size()) {
          for (int i = 0; i < values.length; i++) {
            row.put(CLOCKS.get(i).replace('.', '_'), values[i].strip());
          }
        }
      }
    } catch (IOException e) {
      row.put("clocks", "unknown: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return row;
  }
}
