package dev.fovea.bench.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.json.JsonMapper;

/** Starts workers, and watches them from outside. */
final class WorkerProcess {

  /**
   * What a service that cares for its start and its memory would say to the JVM; measured, see
   * bench/JOURNAL.md. What is good for one is given to all: a collector without threads beside the
   * work, a small young generation, and arrays of weights that do not pass through it.
   */
  static final List<String> JVM_FLAGS =
      List.of("-XX:+UseSerialGC", "-Xmn8m", "-XX:PretenureSizeThreshold=256k");

  private static final int LAST_LINES = 12;

  /**
   * What came of a job.
   *
   * @param firstMilliseconds from the start of the process to the first result
   * @param output what the engine computed
   */
  record Outcome(Worker.Report report, double firstMilliseconds, float[] output) {}

  private final Path folder;

  /**
   * Makes an object that starts workers.
   *
   * @param folder for native libraries and what workers write
   */
  WorkerProcess(Path folder) {
    this.folder = folder;
  }

  /**
   * Runs a job to its end.
   *
   * @throws PeersException if the worker fails; with its last lines
   */
  Outcome run(Job job) throws IOException {
    Path errors = folder.resolve("worker.log");
    ProcessBuilder builder = new ProcessBuilder(command(job)).redirectError(errors.toFile());
    long start = System.nanoTime();
    Process process = builder.start();
    try (BufferedReader lines = process.inputReader()) {
      process.getOutputStream().close();
      List<String> printed = new ArrayList<>();
      double first = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.equals(Worker.FIRST)) {
          first = (System.nanoTime() - start) / 1e6;
        } else {
          printed.add(line);
        }
      }
      int exit = process.waitFor();
      if (exit != 0 || first == 0 || printed.isEmpty()) {
        printed.addAll(Files.readAllLines(errors));
        throw new PeersException(failure(job, exit, printed));
      }
      return new Outcome(report(printed.getLast()), first, Worker.read(job.result()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new PeersException("interrupted", e);
    } finally {
      process.destroyForcibly();
    }
  }

  private static Worker.Report report(String line) {
    return JsonMapper.shared().readValue(line, Worker.Report.class);
  }

  private static String failure(Job job, int exit, List<String> printed) {
    List<String> last = printed.subList(Math.max(0, printed.size() - LAST_LINES), printed.size());
    return String.format(
        Locale.ROOT,
        "the worker of %s ended with exit code %d instead of a report; its last lines:%n  %s",
        job.engine().title(),
        exit,
        String.join(System.lineSeparator() + "  ", last));
  }

  private List<String> command(Job job) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(JVM_FLAGS);
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(needed(job));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Worker.class.getName()));
    command.addAll(job.arguments());
    return command;
  }

  /** What an engine does not run without, or not in this folder. */
  private List<String> needed(Job job) {
    return switch (job.engine()) {
      case FOVEA -> List.of("--add-modules", "jdk.incubator.vector");
      // Otherwise it would extract its library from the jar at every start.
      case ONNXRUNTIME -> List.of("-D" + OnnxRuntimeRunner.LIBRARY_FOLDER + "=" + folder);
      case LIBTORCH ->
          List.of(
              "-DDJL_CACHE_DIR=" + folder,
              "-Dai.djl.offline=true",
              "-Dai.djl.pytorch.num_threads=" + job.threads(),
              "-Dai.djl.pytorch.num_interop_threads=1");
    };
  }
}
