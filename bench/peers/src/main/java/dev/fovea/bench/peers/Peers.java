package dev.fovea.bench.peers;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command behind {@code ./bench/run peers}. */
@Command(
    name = "./bench/run peers",
    description = {
      "Runs the same network on Fovea, ONNX Runtime and LibTorch, in turn and in processes of their"
          + " own, and compares time, start-up, memory and outputs."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
public final class Peers implements Callable<Integer> {

  @Option(
      names = "--models",
      split = ",",
      paramLabel = "MODEL",
      defaultValue = "small,base",
      description =
          "small, base, large, synthetic:..., or a file or directory (default: ${DEFAULT-VALUE}).")
  private List<String> models;

  @Option(
      names = "--threads",
      split = ",",
      paramLabel = "N",
      defaultValue = "1,2",
      description = "Threads that compute (default: ${DEFAULT-VALUE}).")
  private List<Integer> threads;

  @Option(
      names = "--pixels",
      split = ",",
      paramLabel = "N",
      defaultValue = "224",
      description = "Sides of the images, multiples of the patch (default: ${DEFAULT-VALUE}).")
  private List<Integer> pixels;

  @Option(
      names = "--batch",
      split = ",",
      paramLabel = "N",
      defaultValue = "1",
      description = "Images in one call (default: ${DEFAULT-VALUE}).")
  private List<Integer> batches;

  @Option(
      names = "--onnx",
      paramLabel = "FORM",
      defaultValue = "exported",
      description = {
        "Graph of ONNX Runtime: 'exported', as PyTorch's exporter gives it, or 'fused', a hand-made"
            + " one that is optimised and packed beforehand (default: ${DEFAULT-VALUE})."
      })
  private OnnxForm onnx;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Processes of each engine, in turn (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--warm-up",
      paramLabel = "SECONDS",
      defaultValue = "1.5",
      description = "Before each process measures (default: ${DEFAULT-VALUE}).")
  private double warmUp;

  @Option(
      names = "--seconds",
      paramLabel = "SECONDS",
      defaultValue = "3",
      description = "That each process measures (default: ${DEFAULT-VALUE}).")
  private double seconds;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = {
        "Write the rows there, and what they were measured on into a .host.json beside it. Without"
            + " it both go to bench/results, with a table and a plot."
      })
  private Path json;

  @Option(names = "--home", hidden = true, defaultValue = ".", description = "The repository.")
  private Path home;

  @Spec private CommandSpec spec;

  private Peers() {}

  /** Runs the command and ends the process: 0 done, 1 failed, 2 not understood. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  /** The command, for the tests' own streams. */
  static CommandLine commandLine() {
    return new CommandLine(new Peers())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler(
            (exception, command, result) -> {
              if (exception instanceof ParameterException misuse) {
                throw misuse;
              }
              command.getErr().println("peers: " + exception.getMessage());
              if (!expected(exception)) {
                exception.printStackTrace(command.getErr());
              }
              return 1;
            });
  }

  private static boolean expected(Exception exception) {
    return exception instanceof PeersException
        || exception instanceof CheckpointException
        || exception instanceof IllegalArgumentException
        || exception instanceof IOException;
  }

  @Override
  public Integer call() throws IOException {
    check("--threads", threads);
    check("--pixels", pixels);
    check("--batch", batches);
    check("--rounds", List.of(rounds));
    if (!(warmUp >= 0) || !(seconds > 0)) {
      throw new ParameterException(
          spec.commandLine(), "--warm-up must not be negative, and --seconds must be positive");
    }
    checkPlatform();
    models.forEach(model -> ModelFiles.open(model).close());
    PrintWriter err = spec.commandLine().getErr();
    Comparison.Plan plan =
        new Comparison.Plan(models, onnx, threads, pixels, batches, rounds, warmUp, seconds);
    Comparison comparison =
        new Comparison(plan, workFolder(), line -> err.println("peers: " + line));
    List<Row> rows = comparison.run();
    String date = LocalDate.now(ZoneOffset.UTC).toString();
    Host host = Host.here(date, command(), onnx, comparison.versions());
    if (json != null) {
      ResultFiles.writeJson(json, rows, host);
    } else {
      ResultFiles.writeAll(
          home.resolve("bench/results"), "peers-" + onnx.id() + "-" + date, rows, host);
    }
    spec.commandLine().getOut().print(Table.markdown(rows, onnx));
    spec.commandLine().getOut().flush();
    return 0;
  }

  private void check(String option, List<Integer> values) {
    for (int value : values) {
      if (value <= 0) {
        throw new ParameterException(
            spec.commandLine(), option + " must be positive, got " + value);
      }
    }
  }

  private static void checkPlatform() {
    String platform = System.getProperty("os.name") + " " + System.getProperty("os.arch");
    if (!platform.equals("Linux amd64")) {
      throw new PeersException(
          "the native libraries of the peers are those for Linux amd64, and this is "
              + platform
              + "; run it there");
    }
  }

  /** What to type to get these results again. */
  private String command() {
    return "./bench/run peers --models %s --onnx %s --threads %s --pixels %s --batch %s --rounds %d"
        .formatted(
            String.join(",", models),
            onnx.id(),
            joined(threads),
            joined(pixels),
            joined(batches),
            rounds);
  }

  private static String joined(List<Integer> values) {
    return String.join(",", values.stream().map(String::valueOf).toList());
  }

  /** A new folder, which goes when this process does, and with its worker where it is stopped. */
  private Path workFolder() throws IOException {
    Path parent = Files.createDirectories(home.resolve("bench/peers/target"));
    Path folder = Files.createTempDirectory(parent.toAbsolutePath(), "run");
    Runtime.getRuntime().addShutdownHook(new Thread(() -> cleanUp(folder)));
    return folder;
  }

  private static void cleanUp(Path folder) {
    ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      System.err.println("peers: cannot delete " + folder + ": " + e.getMessage());
    }
  }
}
