package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.ProgressListener;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.kernels.Pooling;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that is killed while it converts leaves the old artifact, the new one, or none. */
class KillTest {

  private static final int KILLS = 12;
  private static final int MOST_KILLS = 60;
  private static final int INTERRUPTED = 3;
  private static final Path FIRST = Published.fixture("tiny-reg4_pretrain.pth");
  private static final Path SECOND = Published.fixture("tiny-swiglu-reg4_pretrain.pth");

  /** What the killed process runs: converts one source after the other to the same target. */
  static final class Loop {
    private Loop() {}

    public static void main(String[] arguments) {
      System.out.println("started");
      while (true) {
        for (int i = 1; i < arguments.length; i++) {
          Converter.convert(
              Path.of(arguments[i]),
              Path.of(arguments[0]),
              ConvertOptions.DEFAULT,
              ProgressListener.NONE);
        }
      }
    }
  }

  @Test
  void aKillAtAnyMomentLeavesAWholeArtifactOrNone(@TempDir Path folder) throws Exception {
    Path target = folder.resolve("artifact.safetensors");
    SplittableRandom random = new SplittableRandom(1);
    int found = 0;
    int interrupted = 0;
    for (int round = 0;
        round < KILLS || ((interrupted < INTERRUPTED || found == 0) && round < MOST_KILLS);
        round++) {
      if (round % 3 == 0) {
        Files.deleteIfExists(target);
      }
      kill(
          target,
          // Longer from round to round, for machines that are busy with other things.
          random.nextInt(round % 2 == 0 ? 5 : 500 * (1 + round / KILLS)),
          round % 2 == 0,
          Process::destroyForcibly);
      if (Files.exists(target)) {
        found++;
        assertWhole(target);
      }
      interrupted += removePartialFiles(target);
    }
    assertThat(found).as("rounds that got to an artifact").isPositive();
    assertThat(interrupted).as("kills in the middle of writing").isPositive();
  }

  @Test
  void aRequestToStopLeavesNoPartialFile(@TempDir Path folder) throws Exception {
    Path target = folder.resolve("artifact.safetensors");
    for (int round = 0; round < 4; round++) {
      kill(target, 0, true, Process::destroy);
      assertThat(partialFiles(target)).isEmpty();
    }
  }

  /** Kills a process so long after it started, or after it was seen writing. */
  private static void kill(Path target, int millis, boolean whileWriting, Consumer<Process> killer)
      throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-cp",
                classPath(),
                Loop.class.getName(),
                target.toString(),
                FIRST.toString(),
                SECOND.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(out.readLine()).isEqualTo("started");
      while (whileWriting && process.isAlive() && partialFiles(target).isEmpty()) {
        Thread.onSpinWait();
      }
      Thread.sleep(millis);
      assertThat(process.isAlive()).isTrue();
      killer.accept(process);
      process.waitFor();
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private static void assertWhole(Path target) {
    try (VitWeights weights = WeightFiles.open(target)) {
      Path source = weights.tensors().containsKey("blocks.0.mlp.w12.weight") ? SECOND : FIRST;
      assertThat(Verifier.verify(target, source, null, ProgressListener.NONE).passed()).isTrue();
    }
  }

  /** Everything beside the target; must be files that a reader of the folder can recognise. */
  private static List<Path> partialFiles(Path target) throws IOException {
    try (Stream<Path> files = Files.list(target.getParent())) {
      return files.filter(file -> !file.equals(target)).toList();
    }
  }

  private static int removePartialFiles(Path target) throws IOException {
    List<Path> files = partialFiles(target);
    for (Path file : files) {
      assertThat(file.getFileName().toString())
          .matches("\\.artifact\\.safetensors\\.[0-9a-f-]+\\.partial");
      Files.delete(file);
    }
    return files.size();
  }

  /** The classes of this test and of everything that converting needs, wherever they are. */
  private static String classPath() throws URISyntaxException {
    Path testClasses = FIRST.getParent().getParent();
    List<Class<?>> modules = List.of(Converter.class, VitWeights.class, Pooling.class);
    Stream.Builder<String> path = Stream.builder();
    path.add(testClasses.toString());
    for (Class<?> module : modules) {
      path.add(
          Path.of(module.getProtectionDomain().getCodeSource().getLocation().toURI()).toString());
    }
    return path.build().distinct().collect(Collectors.joining(File.pathSeparator));
  }
}
