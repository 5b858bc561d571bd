package dev.fovea.kernels.cuda;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What the assembler makes of every kernel on every architecture; {@code build-ptx --table} prints
 * it, and {@code kernels.txt} has it.
 */
final class PtxTable {

  private static final String HEADER =
      "%-36s %5s %9s %7s %7s %6s %6s %6s %6s %6s"
          .formatted(
              "kernel",
              "sm",
              "registers",
              "spilled",
              "shared",
              "mma",
              "HMMA",
              "HGMMA",
              "LDSM",
              "LDGSTS");

  /** Bytes of shared memory that kernels are launched with, by name. */
  private final Map<String, Integer> launched = new HashMap<>();

  PtxTable() {
    for (Precision precision : Precision.values()) {
      launched.putAll(LaunchedKernels.of(precision));
    }
  }

  /**
   * Prints the table.
   *
   * @param arguments the folder of PTX files
   */
  public static void main(String[] arguments) throws IOException {
    System.out.println(assembler());
    System.out.println(HEADER);
    PtxTable table = new PtxTable();
    for (Path file : files(Path.of(arguments[0]))) {
      for (String architecture : AssembledKernel.architectures(file)) {
        table.rows(AssembledKernel.assemble(file, architecture)).forEach(System.out::println);
      }
    }
  }

  /** The assembler's version in its own words. */
  static String assembler() throws IOException {
    Process process = new ProcessBuilder("ptxas", "--version").start();
    String words = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return words.lines().filter(line -> line.contains("release")).findFirst().orElse(words);
  }

  /**
   * A line for each kernel. Shared memory is what a block takes at the most, in bytes; a GPU that
   * has less does without that tile.
   */
  List<String> rows(List<AssembledKernel> kernels) {
    return kernels.stream().map(this::row).toList();
  }

  private String row(AssembledKernel kernel) {
    return "%-36s %5s %9d %7d %7d %6d %6d %6d %6d %6d"
        .formatted(
            kernel.name(),
            kernel.architecture(),
            kernel.registers(),
            kernel.spilledBytes(),
            kernel.sharedBytes() + launched.get(kernel.name()),
            kernel.products(),
            kernel.count(AssembledKernel.HMMA),
            kernel.count(AssembledKernel.HGMMA) + kernel.count(AssembledKernel.HGMMA_REGISTERS),
            kernel.count(AssembledKernel.LDSM),
            kernel.count(AssembledKernel.LDGSTS));
  }

  /** The PTX files of a folder in alphabetical order. */
  static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".ptx")).sorted().toList();
    }
  }
}
