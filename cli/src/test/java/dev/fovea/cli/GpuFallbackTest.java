package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fovea.cli.Cli.Result;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The whole command where a GPU cannot be used, or is lost: with "auto" it gives the CPU's
 * embedding and one warning, with "cuda" one error. Each time in a process of its own, on a driver
 * that kernels/cuda's tests have as a C source.
 */
@Execution(ExecutionMode.CONCURRENT)
class GpuFallbackTest {

  private static final Path DRIVER =
      Path.of("../kernels/cuda/src/test/resources/dev/fovea/kernels/cuda/driver/libcuda.c");

  @TempDir private static Path folder;
  private static String image;
  private static String expected;

  @BeforeAll
  static void buildDriver() throws IOException, InterruptedException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "JCuda's libraries are for Linux on x86-64");
    assumeTrue(
        Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(path -> Files.isExecutable(Path.of(path, "gcc"))),
        "gcc is not on the PATH");
    Result built =
        run(
            Map.of(),
            List.of(
                "gcc",
                "-shared",
                "-fPIC",
                "-Wl,-soname,libcuda.so.1",
                DRIVER.toString(),
                "-o",
                folder.resolve("libcuda.so.1").toString()));
    assertThat(built.exit()).as(built.err()).isZero();
    image = Cli.image(folder.resolve("a.png"), 30, 30, 1).toString();
    Result cpu = embed(Map.of(), "cpu");
    assertThat(warnings(cpu)).isEmpty();
    expected = cpu.out();
    assertThat(expected).contains("\"embedding\":[");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          STUB_DEVICES=0                   | the NVIDIA driver is there and shows no GPU; look at
          STUB_INIT=100                    | starting the CUDA driver failed: CUDA_ERROR_NO_DEVICE
          STUB_VERSION=11030               | CUDA 11.4 or newer is needed (470 or newer), this one is
          STUB_CAPABILITY=75               | compute capability 8.0 or higher is needed (Ampere or
          STUB_KERNELS=1 STUB_MEMORY=99999 | CUDA_ERROR_OUT_OF_MEMORY (2): text of the stub; use a
          """)
  void whatCannotBeOpenedIsReplacedByTheCpu(String driver, String reason) throws Exception {
    Map<String, String> settings = settings(driver);
    Result auto = embed(settings, "auto");
    assertThat(auto.exit()).as(auto.err()).isZero();
    assertThat(auto.out()).isEqualTo(expected);
    assertThat(warnings(auto))
        .singleElement()
        .asString()
        .startsWith("fovea: Not using cuda: ")
        .contains(reason);
    expectError(settings, reason);
  }

  /** The weights are packed and the graph is recorded when its first launch fails, or the wait. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          STUB_GRAPH=700 | starting a graph failed: CUDA_ERROR_ILLEGAL_ADDRESS (700)
          STUB_WAIT=700  | waiting for the device failed: CUDA_ERROR_ILLEGAL_ADDRESS (700)
          STUB_WAIT=999  | waiting for the device failed: CUDA_ERROR_UNKNOWN (999)
          """)
  void whatIsLostInFlightIsReplacedByTheCpu(String driver, String reason) throws Exception {
    Map<String, String> settings = settings("STUB_KERNELS=1 " + driver);
    Result auto = embed(settings, "auto");
    assertThat(auto.exit()).as(auto.err()).isZero();
    assertThat(auto.out()).isEqualTo(expected);
    assertThat(warnings(auto))
        .singleElement()
        .asString()
        .startsWith("fovea: Going on with the CPU: " + reason);
    expectError(settings, reason);
  }

  /** Room for the weights of 970,240 bytes, and not for what a forward pass needs besides. */
  @Test
  void whatHasNoRoomForARequestIsReplacedByTheCpu() throws Exception {
    Map<String, String> settings = settings("STUB_KERNELS=1 STUB_MEMORY=980000");
    Result auto = embed(settings, "auto");
    assertThat(auto.exit()).as(auto.err()).isZero();
    assertThat(auto.out()).isEqualTo(expected);
    String reason = "CUDA_ERROR_OUT_OF_MEMORY (2): text of the stub; use a";
    assertThat(warnings(auto))
        .singleElement()
        .asString()
        .startsWith("fovea: Going on with the CPU: ")
        .contains(reason);
    expectError(settings, reason);
  }

  @Test
  void withoutADriverThereIsTheCpu() throws Exception {
    Path broken = Files.createDirectory(folder.resolve("broken"));
    Files.writeString(broken.resolve("libcuda.so.1"), "no library");
    Map<String, String> settings = Map.of("LD_LIBRARY_PATH", broken.toString());
    String reason = "the NVIDIA driver is needed, and its library libcuda.so.1 cannot be loaded";
    Result auto = embed(settings, "auto");
    assertThat(auto.exit()).as(auto.err()).isZero();
    assertThat(auto.out()).isEqualTo(expected);
    assertThat(warnings(auto))
        .singleElement()
        .asString()
        .startsWith("fovea: Not using cuda: " + reason);
    expectError(settings, reason);
  }

  /** Exit code 1 is that of a command that has failed. */
  private static void expectError(Map<String, String> settings, String reason) throws Exception {
    Result cuda = embed(settings, "cuda");
    assertThat(cuda.exit()).as(cuda.err()).isEqualTo(1);
    assertThat(cuda.out()).isEmpty();
    assertThat(warnings(cuda))
        .singleElement()
        .asString()
        .startsWith("fovea: ")
        .contains(reason)
        .doesNotContain("-Xmx");
  }

  private static Map<String, String> settings(String text) {
    Map<String, String> settings = new TreeMap<>();
    for (String setting : text.split(" ")) {
      String[] parts = setting.split("=", 2);
      settings.put(parts[0], parts[1]);
    }
    return settings;
  }

  /** What stderr has besides Java's own line about the incubator module. */
  private static List<String> warnings(Result result) {
    return result.err().lines().filter(line -> !line.contains("incubator modules")).toList();
  }

  /** Runs the command as the launcher does, without the devices of these tests. */
  private static Result embed(Map<String, String> settings, String device)
      throws IOException, InterruptedException {
    String classes =
        String.join(
            File.pathSeparator,
            Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !entry.matches(".*(test-classes|-tests\\.jar)"))
                .toList());
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            // Twenty processes, and vector kernels would have to be compiled in each of them.
            "-Dfovea.kernels=scalar",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            classes,
            Main.class.getName(),
            "embed",
            "-m",
            Cli.TINY,
            "--device",
            device,
            "--crop",
            "28",
            image);
    return run(settings, command);
  }

  private static Result run(Map<String, String> settings, List<String> command)
      throws IOException, InterruptedException {
    Path err = Files.createTempFile(folder, "err", ".txt");
    ProcessBuilder builder = new ProcessBuilder(new ArrayList<>(command));
    builder.redirectError(err.toFile());
    builder.environment().put("LD_LIBRARY_PATH", folder.toString());
    builder.environment().putAll(settings);
    Process process = builder.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), out, Files.readString(err));
  }
}
