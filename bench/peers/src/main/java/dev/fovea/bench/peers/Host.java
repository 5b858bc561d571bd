package dev.fovea.bench.peers;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where and with what the figures were measured.
 *
 * @param caches of the first processor, for example "L1 Data 48K"
 * @param memoryMib of the machine
 * @param onnx the graph of ONNX Runtime
 * @param jvmFlags of the engines' processes
 * @param engines their versions, and what was chosen for them
 */
record Host(
    String date,
    String command,
    String processor,
    int processors,
    List<String> caches,
    long memoryMib,
    String system,
    String jvm,
    OnnxForm onnx,
    List<String> jvmFlags,
    Map<String, String> engines) {

  private static final Path CACHES = Path.of("/sys/devices/system/cpu/cpu0/cache");

  /** This machine. */
  static Host here(String date, String command, OnnxForm onnx, Map<String, String> engines)
      throws IOException {
    return new Host(
        date,
        command,
        fact("/proc/cpuinfo", "model name"),
        Runtime.getRuntime().availableProcessors(),
        cachesOfFirstProcessor(),
        Long.parseLong(fact("/proc/meminfo", "MemTotal").replaceAll("\\D", "")) / 1024,
        property("os.name") + " " + property("os.version") + " " + property("os.arch"),
        property("java.vm.vendor") + " " + property("java.vm.version"),
        onnx,
        WorkerProcess.JVM_FLAGS,
        new TreeMap<>(engines));
  }

  private static String property(String name) {
    return System.getProperty(name);
  }

  private static String fact(String file, String key) throws IOException {
    for (String line : Files.readAllLines(Path.of(file))) {
      int colon = line.indexOf(':');
      if (colon > 0 && line.substring(0, colon).strip().equals(key)) {
        return line.substring(colon + 1).strip();
      }
    }
    return "0";
  }

  private static List<String> cachesOfFirstProcessor() throws IOException {
    if (!Files.isDirectory(CACHES)) {
      return List.of();
    }
    try (DirectoryStream<Path> indices = Files.newDirectoryStream(CACHES, "index*")) {
      List<String> found = new ArrayList<>();
      for (Path index : indices) {
        found.add(
            "L%s %s %s".formatted(read(index, "level"), read(index, "type"), read(index, "size")));
      }
      return found.stream().sorted().toList();
    }
  }

  private static String read(Path folder, String name) throws IOException {
    return Files.readString(folder.resolve(name)).strip();
  }

  /** A line for the head of a table. */
  String summary() {
    return String.format(
        Locale.ROOT,
        "%s, %d processors, %s, %d MiB, %s, %s",
        processor,
        processors,
        String.join(", ", caches),
        memoryMib,
        system,
        jvm);
  }
}
