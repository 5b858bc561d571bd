package dev.fovea.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The PTX that is committed: what it is made of, and what the toolkit makes of it, where there is
 * one.
 */
class PtxTest {

  private static final Path FOLDER = Path.of("src/main/resources/dev/fovea/kernels/cuda");
  private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)\\(");

  /** The ways of PTX to change memory that others change at the same time; not "bar.red". */
  private static final Pattern ATOMIC =
      Pattern.compile("(?<![\\w.])(atom|red|cp\\.reduce|multimem)\\.[\\w.:]+");

  /** No kernel is missing, and none is there that nobody launches. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void kernelsAreThoseThatAreLaunched(Precision precision) throws IOException {
    List<String> there = new ArrayList<>();
    for (Path file : PtxTable.files(FOLDER)) {
      if (file.toString().endsWith("_" + precision.suffix() + ".ptx")) {
        Matcher entry = ENTRY.matcher(Files.readString(file));
        while (entry.find()) {
          there.add(entry.group(1));
        }
      }
    }
    assertThat(LaunchedKernels.of(precision).keySet()).containsExactlyInAnyOrderElementsOf(there);
  }

  /**
   * CUDA 11.0 and compute capability 8.0, so that drivers from then on take it; or CUDA 12.0 and
   * capability 9.0 alone.
   */
  @Test
  void isForEveryGpuSinceAmpereOrForHopper() throws IOException {
    for (Path file : PtxTable.files(FOLDER)) {
      boolean hopper = file.getFileName().toString().startsWith("hopper_");
      assertThat(Files.readString(file))
          .contains(
              hopper ? "\n.version 8.0\n.target sm_90a\n" : "\n.version 7.0\n.target sm_80\n");
    }
  }

  /**
   * The order in which blocks add to memory changes from run to run. Integers do not mind, the sum
   * of floats would have other bits.
   */
  @Test
  void nothingAddsFloatsAtomically() throws IOException {
    List<String> atomics = new ArrayList<>();
    for (Path file : PtxTable.files(FOLDER)) {
      ATOMIC.matcher(Files.readString(file)).results().forEach(found -> atomics.add(found.group()));
    }
    assertThat(atomics)
        .as("counters of chains that are done, at the least")
        .isNotEmpty()
        .allSatisfy(atomic -> assertThat(atomic).doesNotContainPattern("\\.b?f(16|32|64)"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"80", "120", "90a"})
  void nothingSpillsAndEveryProductIsOneInstruction(String architecture) throws IOException {
    assumeTrue(onPath("ptxas"), "ptxas is not there");
    List<AssembledKernel> kernels = new ArrayList<>();
    for (Path file : PtxTable.files(FOLDER)) {
      if (AssembledKernel.architectures(file).contains(architecture)) {
        kernels.addAll(AssembledKernel.assemble(file, architecture));
      }
    }
    Set<String> table = Set.copyOf(Files.readAllLines(Path.of("kernels.txt")));
    if (table.contains(PtxTable.assembler())) { // Another version gives other figures.
      assertThat(table)
          .as("kernels.txt; build-ptx --table prints it")
          .containsAll(new PtxTable().rows(kernels));
    }
    assertThat(kernels)
        .isNotEmpty()
        .allSatisfy(kernel -> assertThat(kernel.spilledBytes()).isZero())
        .allSatisfy(kernel -> assertThat(kernel.assembledProducts()).isEqualTo(kernel.products()))
        .anySatisfy(kernel -> assertThat(kernel.products()).isPositive());
  }

  /** Another version of the compiler writes other PTX, so only the one that wrote it is asked. */
  @Test
  void isWhatTheSourcesGive() throws IOException, InterruptedException {
    assumeTrue(onPath("nvcc") && onPath("ptxas"), "nvcc is not there");
    String release = run("nvcc", "--version").output().lines().toList().get(3);
    String ptx = Files.readString(PtxTable.files(FOLDER).get(0));
    String version = release.substring(release.lastIndexOf(' ') + 1);
    assumeTrue(ptx.contains(version), "the PTX was written by another nvcc than " + version);
    Ended check = run("./build-ptx", "--check");
    assertThat(check.status()).as(check.output()).isZero();
  }

  private record Ended(int status, String output) {}

  private static Ended run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    return new Ended(process.exitValue(), output);
  }

  private static boolean onPath(String command) {
    for (String folder : System.getenv("PATH").split(File.pathSeparator, -1)) {
      if (Files.isExecutable(Path.of(folder, command))) {
        return true;
      }
    }
    return false;
  }
}
