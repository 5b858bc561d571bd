package dev.fovea.cli;

import dev.fovea.CheckpointException;
import dev.fovea.Fovea;
import dev.fovea.Options;
import dev.fovea.PositionPolicy;
import dev.fovea.ProgressListener;
import dev.fovea.Registers;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.converter.WeightFiles;
import dev.fovea.hub.Hub;
import dev.fovea.kernels.WeightStorage;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** Which model runs, and how. */
final class ModelOptions {

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "MODEL",
      description =
          "A safetensors or .pth file, a directory in any known layout, a hub name such as"
              + " facebook/dinov2-with-registers-small, or synthetic:small-reg4.")
  private String model;

  @Option(
      names = "--threads",
      defaultValue = "0",
      paramLabel = "N",
      description = "Threads that compute; 0 (the default) for one per processor.")
  private int threads;

  @Option(
      names = "--kernels",
      defaultValue = "auto",
      paramLabel = "NAME",
      description =
          "auto (the default); scalar or vector on the cpu; ptx, hopper, cublas or cublaslt on"
              + " cuda.")
  private String kernels;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description =
          "cpu, cuda for an NVIDIA GPU, or auto: a GPU if there is one that works, else the cpu."
              + " Default: ${DEFAULT-VALUE}. fovea doctor says what is there.")
  private String device;

  @Option(
      names = "--storage",
      defaultValue = "f32",
      paramLabel = "TYPE",
      description =
          "How weights are kept in memory: f32 (the default), f16 or bf16. cuda multiplies in"
              + " bfloat16 with bf16 and in half precision otherwise.")
  private WeightStorage storage;

  @Option(
      names = "--position-policy",
      paramLabel = "POLICY",
      converter = PolicyConverter.class,
      description =
          "How position embeddings are resampled, instead of the way of the checkpoint's origin:"
              + " size-antialias, offset or size.")
  private PositionPolicy positionPolicy;

  @ArgGroup private RegisterOptions registers;

  /** What stands in the place of registers: one or the other. */
  static final class RegisterOptions {
    @Option(
        names = "--registers",
        paramLabel = "HOW",
        converter = RegistersConverter.class,
        description =
            "trained (the default, also for an artifact with something else in it), a number to use"
                + " the first so many (0 drops them all), or zero to blank them after every block.")
    private Registers changed;

    @Option(
        names = "--test-time-register",
        paramLabel = "FILE",
        description =
            "Add one: neurons.json of fovea register-neurons, or bias.safetensors of fovea"
                + " attention-bias.")
    private Path added;

    Registers read() {
      return added == null ? changed : Registers.read(added);
    }
  }

  /** On the CPU where nobody says otherwise. */
  ModelOptions() {
    this("cpu");
  }

  /** On this device where nobody says otherwise. */
  ModelOptions(String device) {
    this.device = device;
  }

  WeightStorage storage() {
    return storage;
  }

  /** The model, as the user has named it. */
  String model() {
    return model;
  }

  /** Refuses another choice of registers, where a command makes its own. */
  void refuseRegisters(CommandSpec command) {
    if (registers != null) {
      throw new ParameterException(
          command.commandLine(),
          "--registers and --test-time-register have no part in this: it puts something else in the"
              + " place of the trained registers, and compares with these");
    }
  }

  /** Opens the model. */
  Fovea open(ProgressListener progress) {
    return open(progress, UnaryOperator.identity());
  }

  /** Opens the model with options of the command's own on top. */
  Fovea open(ProgressListener progress, UnaryOperator<Options> more) {
    Registers chosen = registers == null ? null : registers.read();
    return open(model, progress, options -> more.apply(options.withRegisters(chosen)));
  }

  /** Opens another model in the same way, with its own registers. */
  Fovea open(String name, ProgressListener progress) {
    return open(name, progress, UnaryOperator.identity());
  }

  private Fovea open(String name, ProgressListener progress, UnaryOperator<Options> more) {
    Options options =
        Options.DEFAULT
            .withThreads(threads)
            .withKernels(kernels)
            .withDevice(device)
            .withStorage(storage)
            .withPositionPolicy(positionPolicy)
            .withProgress(progress);
    if (!new File(name).isFile()) {
      return Fovea.open(name, more.apply(options));
    }
    return Fovea.open(() -> WeightFiles.open(Path.of(name), positionPolicy), more.apply(options));
  }

  /**
   * The model's file or directory.
   *
   * @throws CheckpointException if there is none, as of synthetic models
   */
  Path weights(ProgressListener progress) {
    return weights(model, progress);
  }

  /** The SHA-256 of the model's weights; a synthetic model's name says everything about them. */
  String content(ProgressListener progress) {
    return content(model, progress);
  }

  /** As {@link #content(ProgressListener)}, of another model. */
  static String content(String name, ProgressListener progress) {
    return name.startsWith(SyntheticCheckpoint.SCHEME)
        ? name
        : WeightFiles.sha256(weights(name, progress), progress);
  }

  /**
   * The file or directory that a source names, which may be a hub name.
   *
   * @throws CheckpointException if it is neither
   */
  static Path weights(String source, ProgressListener progress) {
    Path path = Path.of(source);
    if (Files.exists(path)) {
      return path;
    }
    if (source.matches("[\\w-][\\w.-]*/[\\w.-]+")) {
      return Hub.fromEnvironment().resolve(source, "main", progress);
    }
    if (source.startsWith(SyntheticCheckpoint.SCHEME)) {
      throw new CheckpointException(
          "expected a file, a directory or a hub name: '"
              + source
              + "' is a formula, which models run from (--model) and no file is read for");
    }
    throw new CheckpointException(
        "no weights at '" + source + "': it is no file or directory here, and no hub name");
  }

  /** Reads "trained", "zero" and numbers. */
  static final class RegistersConverter implements ITypeConverter<Registers> {
    @Override
    public Registers convert(String value) {
      if (value.matches("[0-9]{1,6}")) {
        return new Registers.First(Integer.parseInt(value));
      }
      return switch (value) {
        case "trained" -> Registers.asTrained();
        case "zero" -> new Registers.Zeroed();
        default ->
            throw new TypeConversionException(
                "expected trained, zero or a number, got '" + value + "'");
      };
    }
  }

  /** Reads the names that artifacts use. */
  static final class PolicyConverter implements ITypeConverter<PositionPolicy> {
    @Override
    public PositionPolicy convert(String value) {
      try {
        return PositionPolicy.of(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
