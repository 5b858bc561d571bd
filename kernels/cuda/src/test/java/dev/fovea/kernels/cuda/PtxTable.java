package dev.fovea.kernels.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Prints what the assembler makes of every kernel on every architecture; {@code build-ptx --table}.
 */
final class PtxTable {

  private PtxTable() {}

  /**
   * Prints the table.
   *
   * @param arguments the folder of PTX files
   */
  public static void main(String[] arguments) throws IOException {
    System.out.printf(
        "%-36s %5s %9s %7s %7s %6s %6s %6s %6s %6s%n",
        "kernel", "sm", "registers", "spilled", "shared", "mma", "HMMA", "HGMMA", "LDSM", "LDGSTS");
    for (Path file : files(Path.of(arguments[0]))) {
      for (String architecture : AssembledKernel.architectures(file)) {
        for (AssembledKernel kernel : AssembledKernel.assemble(file, architecture)) {
          System.out.printf(
              "%-36s %5s %9d %7d %7d %6d %6d %6d %6d %6d%n",
              kernel.name(),
              kernel.architecture(),
              kernel.registers(),
              kernel.spilledBytes(),
              kernel.sharedBytes(),
              kernel.products(),
              kernel.count(AssembledKernel.HMMA),
              kernel.count(AssembledKernel.HGMMA) + kernel.count(AssembledKernel.HGMMA_REGISTERS),
              kernel.count(AssembledKernel.LDSM),
              kernel.count(AssembledKernel.LDGSTS));
        }
      }
    }
  }

  /** The PTX files of a folder in alphabetical order. */
  static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".ptx")).sorted().toList();
    }
  }
}
