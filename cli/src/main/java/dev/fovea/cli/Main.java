package dev.fovea.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/**
 * The command. Results go to stdout and nothing else does; everything about them goes to stderr.
 * Exit codes: 0 done, 1 refused or failed, 2 not understood.
 */
@Command(
    name = "fovea",
    description = "Runs Vision Transformers with registers: images in, embeddings out.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    scope = ScopeType.INHERIT,
    synopsisSubcommandLabel = "COMMAND",
    sortOptions = false,
    footer = {
      "",
      "Exit codes: 0 done, 1 refused or failed, 2 not understood.",
      "Environment: FOVEA_JAVA_HOME, FOVEA_JAVA_OPTS, FOVEA_DEBUG; HF_HOME, HF_HUB_CACHE,",
      "HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE."
    },
    subcommands = {
      EmbedCommand.class,
      FeaturesCommand.class,
      OutliersCommand.class,
      AttentionCommand.class,
      PcaCommand.class,
      LostCommand.class,
      ReportCommand.class,
      ClassifyCommand.class,
      ProbeCommand.class,
      RegisterNeuronsCommand.class,
      AttentionBiasCommand.class,
      AblateRegistersCommand.class,
      PreprocessCommand.class,
      ConvertCommand.class,
      InspectCommand.class,
      VerifyCommand.class,
      ParityCommand.class,
      DoctorCommand.class,
      CompletionCommand.class
    })
public final class Main implements Runnable {

  /** Why results do not arrive. */
  static final String NO_STDOUT =
      "cannot write to stdout: the disk is full, or the reader has gone";

  /** Held here: the log manager would forget an unreferenced logger, and its level. */
  private static final Logger LOGGER = Logger.getLogger("dev.fovea");

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Show where an error came from (so does FOVEA_DEBUG=1).")
  private boolean stacktrace;

  @Spec private CommandSpec spec;

  private Main() {}

  /** Runs the command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    System.setProperty("java.util.logging.SimpleFormatter.format", "fovea: %5$s%n");
    LOGGER.setLevel(debugging() ? Level.ALL : Level.WARNING);
    System.exit(run(arguments));
  }

  private static int run(String[] arguments) {
    // Not picocli's writer, which does not see that System.out has failed.
    CommandLine command =
        commandLine().setOut(new PrintWriter(System.out, true, System.out.charset()));
    try {
      return delivered(command, command.execute(arguments));
    } catch (OutOfMemoryError e) {
      return new Refusal(e).print(command.getErr(), debugging());
    }
  }

  /** A full disk or a closed pipe is no success: PrintWriter keeps it to itself. */
  static int delivered(CommandLine command, int exit) {
    if (exit != 0 || !command.getOut().checkError()) {
      return exit;
    }
    return new Refusal(new IOException(NO_STDOUT)).print(command.getErr(), debugging());
  }

  /**
   * The command, for {@link #main} and for tests. Whatever prints numbers from here on does it as
   * programs read them, wherever the user lives: "0.5", not "0,5".
   */
  static CommandLine commandLine() {
    Locale.setDefault(Locale.ROOT);
    Main main = new Main();
    return new CommandLine(main)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpWidth(100)
        .setParameterExceptionHandler((e, arguments) -> misunderstood(e))
        .setExecutionExceptionHandler(
            (e, command, result) ->
                new Refusal(e).print(command.getErr(), main.stacktrace || debugging()));
  }

  private static int misunderstood(ParameterException e) {
    CommandLine command = e.getCommandLine();
    String name = command.getCommandSpec().qualifiedName();
    command
        .getErr()
        .println(name + ": " + Refusal.oneLine(e.getMessage()) + " (see " + name + " --help)");
    return CommandLine.ExitCode.USAGE;
  }

  private static boolean debugging() {
    String debug = System.getenv("FOVEA_DEBUG");
    return debug != null && !debug.isEmpty() && !debug.equals("0");
  }

  /** Without a subcommand there is nothing to do. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing a command");
  }

  /** The version of the jar, and of the Java that runs it. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"fovea " + ofFovea(), "Java " + Runtime.version()};
    }

    static String ofFovea() {
      String version = Main.class.getPackage().getImplementationVersion();
      return version == null ? "(not packaged)" : version;
    }
  }
}
