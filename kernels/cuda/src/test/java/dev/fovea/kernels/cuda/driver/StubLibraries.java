package dev.fovea.kernels.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Builds libraries that stand in for NVIDIA's, from C sources among the test resources. */
final class StubLibraries {

  private StubLibraries() {}

  /** Tests end here, without a failure, where there is nothing to build with or for. */
  static void assumeBuildable() {
    Assumptions.assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "JCuda's libraries are for Linux on x86-64");
    Assumptions.assumeTrue(
        Stream.of(System.getenv("PATH").split(":"))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, "gcc"))),
        "gcc is not on the PATH");
  }

  /**
   * Builds a shared library.
   *
   * @param source name of the C source beside this class
   * @param library file name of the library, which is also the name it goes by
   * @param options more options for gcc
   */
  static void build(Path folder, String source, String library, String... options)
      throws IOException, InterruptedException {
    Path file = folder.resolve(source);
    copy(source, file);
    List<String> command =
        new ArrayList<>(
            List.of("gcc", "-shared", "-fPIC", "-O1", "-Wl,-soname," + library, "-o", library));
    command.add(source);
    command.addAll(List.of(options));
    Process process =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    Files.delete(file);
  }

  /** Copies a test resource to a file. */
  static void copy(String resource, Path file) throws IOException {
    try (InputStream stream = StubLibraries.class.getResourceAsStream(resource)) {
      Files.copy(stream, file);
    }
  }
}
