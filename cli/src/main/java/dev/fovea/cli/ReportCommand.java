package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.Box;
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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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
      "registers that has outliers it also shows what a test-time register makes of them, of one",
      "with registers what changes when they are dropped or hold something else.",
      "With --annotations also CorLoc, of as much of the annotated boxes as the model sees: those",
      "of whole images are what fovea lost is for.",
      "",
      "Examples:",
      "  fovea report -m facebook/dinov2-with-registers-small photos/ --out report",
      "  fovea report -m facebook/dinov2-large \\",
      "      --compare facebook/dinov2-with-registers-large photos/ --out report",
      "  fovea report -m model.pth --head head.pth --labels imagenet.txt \\",
      "      --probe flowers/ cat.jpg --out report",
      "  fovea report -m facebook/dinov2-with-registers-base --foreground 0.5 --mass 0.6 \\",
      "      --annotations VOC2007/Annotations photos/ --out report"
    })
final class ReportCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;
  @Mixin private OutlierOptions outlierOptions;
  @Mixin private NormOptions normOptions;
  @Mixin private AttentionOptions attentionOptions;
  @Mixin private ComponentOptions componentOptions;
  @Mixin private LostOptions lostOptions;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "DIR",
      description = "A directory for index.html, made if it is not there.")
  private Path directory;

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
      names = "--compare-head",
      paramLabel = "HEAD",
      description = "The same for the second model.")
  private String compareHead;

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description = "Names of the heads' classes, as for fovea classify.")
  private Path labels;

  @Option(
      names = "--annotations",
      paramLabel = "PATH",
      description =
          "Where people have seen objects, as for fovea lost: a directory with a VOC file"
              + " (NAME.xml) for each image, or a COCO file (JSON).")
  private Path annotated;

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

  /**
   * What columns are about.
   *
   * @param model as the user has named it
   * @param name as the reader shall know it
   * @param head of the model; null for none
   */
  private record Subject(String model, String name, String head) {}

  @Override
  public Integer call() throws IOException {
    check();
    List<Path> files = input.files();
    Annotations annotations = annotated == null ? image -> List.of() : Annotations.open(annotated);
    List<ReportColumn> columns = new ArrayList<>();
    try (OutputFolder folder = OutputFolder.open(directory);
        Progress progress = new Progress(spec.commandLine().getErr())) {
      Subject first = new Subject(modelOptions.model(), shortened(modelOptions.model()), head);
      try (Fovea model = modelOptions.open(progress)) {
        columns.addAll(analyse(model, first, files, annotations, progress));
      }
      String compared = normOptions.compared();
      if (compared != null) {
        String name = shortened(compared);
        String other = name + (name.equals(first.name()) ? " (compared)" : "");
        try (Fovea model = modelOptions.open(compared, progress)) {
          Subject second = new Subject(compared, other, compareHead);
          columns.addAll(analyse(model, second, files, annotations, progress));
        }
      }
      ReportPage page =
          new ReportPage(command(), Main.Version.ofFovea(), names(files), probed(), columns);
      Path written = folder.write("index.html", page.html().getBytes(StandardCharsets.UTF_8));
      folder.commit();
      spec.commandLine().getOut().println(written);
    }
    return 0;
  }

  private void check() {
    componentOptions.check();
    if (segments < 1 || segments > Palette.COLORS) {
      throw new ParameterException(
          spec.commandLine(), "--segments is from 1 to %d".formatted(Palette.COLORS));
    }
    if (compareHead != null && normOptions.compared() == null) {
      throw new ParameterException(spec.commandLine(), "--compare-head is that of a --compare");
    }
    if (labels != null && head == null && compareHead == null) {
      throw new ParameterException(spec.commandLine(), "--labels are those of a --head");
    }
    if (cache != null && probe == null) {
      throw new ParameterException(spec.commandLine(), "--cache is that of a --probe");
    }
  }

  /** A model's column, and one with a test-time register where that is of use. */
  private List<ReportColumn> analyse(
      Fovea model, Subject subject, List<Path> files, Annotations annotations, Progress progress) {
    List<Image> images = input.images(files, model.preprocessing());
    List<ReportColumn.Photograph> photographs =
        files.stream().map(file -> photograph(file, annotations.of(file), model)).toList();
    ReportColumn column =
        ReportColumn.of(subject.name(), model, images, photographs, null, settings());
    Optional<ReportColumn> helped = column.withTestTimeRegister(model, images);
    if (model.trainedConfig().registers() > 0) {
      column = column.ablated(model, images);
    }
    if (subject.head() != null) {
      column = column.classified(model, openHead(subject.head(), model, progress), images);
    }
    if (probe != null) {
      String content = ModelOptions.content(subject.model(), progress);
      column = column.probed(probe(model, content, progress));
    }
    return Stream.concat(Stream.of(column), helped.stream()).toList();
  }

  private ReportColumn.Settings settings() {
    return new ReportColumn.Settings(
        outlierOptions.rule(),
        normOptions.block(),
        attentionOptions,
        componentOptions,
        lostOptions,
        segments);
  }

  /** An image as a model sees it, with what is to be seen there of the annotated boxes. */
  private ReportColumn.Photograph photograph(Path file, List<Box> boxes, Fovea model) {
    double patch = model.config().patch();
    List<Box> truth = List.of();
    if (!boxes.isEmpty()) {
      Viewport viewport = input.viewport(file, model.preprocessing());
      truth =
          boxes.stream()
              .flatMap(box -> viewport.see(box).stream())
              .map(box -> box.scaled(1 / patch, 1 / patch))
              .toList();
    }
    return new ReportColumn.Photograph(input.seen(file, model.preprocessing()), truth);
  }

  /** Hub names have two parts, and of paths the last two say most. */
  private static String shortened(String model) {
    Path path = Path.of(model);
    int parts = path.getNameCount();
    return parts > 2 ? path.subpath(parts - 2, parts).toString() : model;
  }

  private ClassificationHead openHead(String source, Fovea model, Progress progress) {
    ClassificationHead classifier =
        ClassificationHead.open(ModelOptions.weights(source, progress), model.trainedConfig());
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
