package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Preprocessing;
import dev.fovea.plots.Palette;
import dev.fovea.probes.ClassificationHead;
import dev.fovea.probes.ImageSet;
import dev.fovea.probes.Labels;
import dev.fovea.probes.ProbeReport;
import dev.fovea.probes.ProbeSettings;
import dev.fovea.probes.Probes;
import dev.fovea.probes.TokenStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "report",
    description = "Writes a page that shows what registers do, for one model or two.",
    footer = {
      "",
      "DIR/index.html has everything inside: norms of tokens, outliers, attention of CLS and every",
      "register, principal components, segments and the object of each image. Of a model without",
      "registers that has outliers it also shows what a test-time register makes of them.",
      "",
      "Examples:",
      "  fovea report -m facebook/dinov2-with-registers-small photos/ --out report",
      "  fovea report -m facebook/dinov2-large \\",
      "      --compare facebook/dinov2-with-registers-large photos/ --out report",
      "  fovea report -m model.pth --head head.pth --labels imagenet.txt \\",
      "      --probe flowers/ cat.jpg --out report"
    })
final class ReportCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;
  @Mixin private OutlierOptions outlierOptions;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "DIR",
      description = "A directory for index.html, made if it is not there.")
  private Path directory;

  @Option(
      names = "--compare",
      paramLabel = "MODEL",
      description =
          "A second model for the same images, opened with the same options but with its own"
              + " registers.")
  private String compare;

  @Option(
      names = "--block",
      paramLabel = "B",
      description = "The block after which norms are looked at, from 0. Default: the last one.")
  private Integer block;

  @Option(
      names = "--segments",
      defaultValue = "6",
      paramLabel = "K",
      description = "Segments that all patches are grouped into. Default: ${DEFAULT-VALUE}.")
  private int segments;

  @Option(
      names = "--head",
      paramLabel = "HEAD",
      description = "A linear head of the (first) model, as for fovea classify: show the classes.")
  private String head;

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description = "Names of the head's classes, as for fovea classify.")
  private Path labels;

  @Option(
      names = "--probe",
      paramLabel = "DATA",
      description = "Also probe single tokens on this folder of images, as fovea probe does.")
  private Path probe;

  @Option(
      names = "--cache",
      paramLabel = "DIR",
      description = "Where --probe keeps tokens, as for fovea probe.")
  private Path cache;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    if (segments < 1 || segments > Palette.COLORS) {
      throw new ParameterException(
          spec.commandLine(), "--segments is from 1 to %d".formatted(Palette.COLORS));
    }
    if (labels != null && head == null) {
      throw new ParameterException(spec.commandLine(), "--labels are those of a --head");
    }
    ReportColumn.Settings settings =
        new ReportColumn.Settings(outlierOptions.rule(), block, segments);
    List<Path> files = input.files();
    List<ReportColumn> columns = new ArrayList<>();
    try (Progress progress = new Progress(spec.commandLine().getErr())) {
      try (Fovea model = modelOptions.open(progress)) {
        columns.addAll(analyse(model, files, settings, progress));
      }
      if (compare != null) {
        columns.add(compared(files, settings, progress));
      }
    }
    write(new ReportPage(command(), Main.Version.ofFovea(), names(files), probed(), columns));
    return 0;
  }

  private List<ReportColumn> analyse(
      Fovea model, List<Path> files, ReportColumn.Settings settings, Progress progress) {
    List<Image> images = input.images(files, model.preprocessing());
    ReportColumn column =
        ReportColumn.of(
            shortened(modelOptions.model()), model, images, seen(model, files), null, settings);
    Optional<ReportColumn> helped = column.withTestTimeRegister(model, images, settings);
    if (head != null) {
      column = column.classified(model, openHead(model, progress), images);
    }
    if (probe != null) {
      column = column.probed(probe(model, modelOptions.content(progress), progress));
    }
    List<ReportColumn> columns = new ArrayList<>(List.of(column));
    helped.ifPresent(columns::add);
    return columns;
  }

  private ReportColumn compared(
      List<Path> files, ReportColumn.Settings settings, Progress progress) {
    try (Fovea model = modelOptions.open(compare, progress)) {
      List<Image> images = input.images(files, model.preprocessing());
      boolean same = shortened(compare).equals(shortened(modelOptions.model()));
      String name = shortened(compare) + (same ? " (compared)" : "");
      ReportColumn column =
          ReportColumn.of(name, model, images, seen(model, files), null, settings);
      return probe == null
          ? column
          : column.probed(probe(model, ModelOptions.content(compare, progress), progress));
    }
  }

  private List<Image.Rgb> seen(Fovea model, List<Path> files) {
    Preprocessing preprocessing = model.preprocessing();
    return files.stream().map(file -> input.seen(file, preprocessing)).toList();
  }

  /** Hub names have two parts, and of paths the last two say most. */
  private static String shortened(String model) {
    Path path = Path.of(model);
    int parts = path.getNameCount();
    return parts > 2 ? path.subpath(parts - 2, parts).toString() : model;
  }

  private ClassificationHead openHead(Fovea model, Progress progress) {
    ClassificationHead classifier =
        ClassificationHead.open(ModelOptions.weights(head, progress), model.trainedConfig());
    return labels == null ? classifier : classifier.withLabels(Labels.read(labels));
  }

  private ProbeReport probe(Fovea model, String content, Progress progress) {
    ProbeSettings usual = ProbeSettings.DEFAULT;
    TokenStore store =
        new TokenStore(
            model,
            content,
            input.change(model.preprocessing()),
            input.decoding(),
            cache == null ? ProbeCommand.defaultCache() : cache);
    ImageSet images = ImageSet.read(probe, ProbeCommand.VALIDATION, usual.seed());
    return Probes.run(store, images, usual.withOutliers(outlierOptions.rule()), progress);
  }

  private Optional<String> probed() {
    return Optional.ofNullable(probe).map(Path::toString);
  }

  private static List<String> names(List<Path> files) {
    return files.stream().map(file -> file.getFileName().toString()).toList();
  }

  private void write(ReportPage page) throws IOException {
    byte[] html = page.html().getBytes(StandardCharsets.UTF_8);
    Files.createDirectories(directory);
    Path target = directory.resolve("index.html");
    try (AtomicFile file = AtomicFile.create(target)) {
      file.stream().write(html);
      file.commit();
    }
    spec.commandLine().getOut().println(target);
  }

  /** The command line as a shell would take it. */
  private String command() {
    CommandLine root = spec.root().commandLine();
    return spec.root().name()
        + " "
        + root.getParseResult().originalArgs().stream()
            .map(ReportCommand::quoted)
            .collect(Collectors.joining(" "));
  }

  private static String quoted(String argument) {
    return argument.matches("[\\w@%+=:,./-]+")
        ? argument
        : "'" + argument.replace("'", "'\\''") + "'";
  }
}
