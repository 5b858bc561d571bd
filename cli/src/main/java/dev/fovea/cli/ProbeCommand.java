package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Preprocessing;
import dev.fovea.probes.ImageSet;
import dev.fovea.probes.NearestNeighbours;
import dev.fovea.probes.ProbeReport;
import dev.fovea.probes.ProbeReport.PatchScore;
import dev.fovea.probes.ProbeReport.TokenScore;
import dev.fovea.probes.ProbeSettings;
import dev.fovea.probes.Probes;
import dev.fovea.probes.Token;
import dev.fovea.probes.TokenStore;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "probe",
    description = "Measures what single tokens know of an image, and patches of their place.",
    footer = {
      "",
      "DATA is a folder with a folder of images for each class, or one with such folders train and",
      "val (or validation, or test). For position and pixels alone it needs no classes.",
      "",
      "  linear    accuracy of logistic regression on one token",
      "  knn       accuracy of nearest neighbours by cosine, which vote with exp(cosine / 0.07)",
      "  position  how often a linear classifier finds a patch's place, and by how many patches it",
      "            is wrong on average",
      "  pixels    L2 distance of a linear reconstruction to the patch's normalised pixels",
      "",
      "Tokens are computed once and kept on disk: (2 + R) D numbers an image, and D + 1 for each",
      "patch where patches are looked at (400 KB an image for ViT-S).",
      "",
      "Examples:",
      "  fovea probe -m facebook/dinov2-with-registers-small flowers/",
      "  fovea probe -m model.safetensors --tasks linear,knn --tokens cls,register imagenette/",
      "  fovea probe -m dinov2_vitg14_pretrain.pth --tasks position,pixels --method fixed \\",
      "      --cutoff 150 photos/"
    })
final class ProbeCommand implements Runnable {

  /** Share of the images that is tested on, where folders do not say. */
  static final double VALIDATION = 0.2;

  @Mixin private ModelOptions modelOptions;
  @Mixin private ImageOptions imageOptions;
  @Mixin private OutlierOptions outliers;

  @Option(
      names = "--tasks",
      split = ",",
      defaultValue = "linear,knn,position,pixels",
      paramLabel = "TASK",
      description = "What to measure. Default: ${DEFAULT-VALUE}.")
  private List<ProbeSettings.Task> tasks;

  @Option(
      names = "--tokens",
      split = ",",
      defaultValue = "cls,mean,register,normal,outlier",
      paramLabel = "TOKEN",
      description =
          "What to classify images by: CLS, the mean of the patches, each register, a normal patch,"
              + " an outlier. Default: ${DEFAULT-VALUE}.")
  private List<Token.Kind> tokens;

  @Option(
      names = "--validation",
      defaultValue = "" + VALIDATION,
      paramLabel = "SHARE",
      description =
          "Share of every class that is tested on, where folders do not say. Default:"
              + " ${DEFAULT-VALUE}.")
  private double validation;

  @Option(
      names = "--seed",
      defaultValue = "0",
      paramLabel = "N",
      description = "For drawing that share, and patches. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--cost",
      defaultValue = "" + ProbeSettings.COST,
      paramLabel = "C",
      description =
          "Weight of the data against the penalty in logistic regression. Default:"
              + " ${DEFAULT-VALUE}.")
  private double cost;

  @Option(
      names = "--neighbours",
      defaultValue = "" + ProbeSettings.NEIGHBOURS,
      paramLabel = "K",
      description = "Nearest neighbours that vote. Default: ${DEFAULT-VALUE}.")
  private int neighbours;

  @Option(
      names = "--temperature",
      defaultValue = "" + NearestNeighbours.TEMPERATURE,
      paramLabel = "T",
      description = "They vote with exp(cosine / T). Default: ${DEFAULT-VALUE}.")
  private double temperature;

  @Option(
      names = "--ridge",
      defaultValue = "" + ProbeSettings.RIDGE,
      paramLabel = "R",
      description =
          "Penalty of position and pixels, in mean variances of a channel. Default:"
              + " ${DEFAULT-VALUE}.")
  private double ridge;

  @Option(
      names = "--cache",
      paramLabel = "DIR",
      description =
          "Where tokens are kept. Default: fovea/tokens in XDG_CACHE_HOME, else in ~/.cache.")
  private Path cache;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Parameters(paramLabel = "DATA", description = "The folder of images.")
  private Path data;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    ProbeSettings settings =
        new ProbeSettings(
            EnumSet.copyOf(tasks),
            tokens,
            outliers.rule(),
            cost,
            neighbours,
            temperature,
            ridge,
            seed);
    ImageSet images = ImageSet.read(data, validation, seed);
    ProbeReport report;
    try (Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      Preprocessing preprocessing = imageOptions.change(model.preprocessing());
      TokenStore store =
          new TokenStore(
              model,
              modelOptions.content(progress),
              preprocessing,
              imageOptions.decoding(),
              cache == null ? defaultCache() : cache);
      report = Probes.run(store, images, settings, progress);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(JsonMapper.shared().writeValueAsString(json(images, report)));
    } else {
      print(images, report, out);
    }
  }

  static Path defaultCache() {
    String caches = System.getenv("XDG_CACHE_HOME");
    Path folder =
        caches == null || caches.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(caches);
    return folder.resolve("fovea").resolve("tokens");
  }

  private static Map<String, Object> json(ImageSet images, ProbeReport report) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("classes", images.classes());
    object.put("train", images.train().size());
    object.put("validation", images.validation().size());
    object.put("cutoff", number(report.cutoff()));
    object.put("classification", report.classification().stream().map(ProbeCommand::json).toList());
    object.put("patches", report.patches().stream().map(ProbeCommand::json).toList());
    return object;
  }

  private static Map<String, Object> json(TokenScore score) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("token", score.token());
    object.put("train", score.train());
    object.put("validation", score.validation());
    object.put("linear", number(score.linear()));
    object.put("knn", number(score.neighbours()));
    return object;
  }

  private static Map<String, Object> json(PatchScore score) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("patch", name(score));
    object.put("count", score.patches());
    object.put("position", number(score.position()));
    object.put("distance", number(score.distance()));
    object.put("pixels", number(score.pixels()));
    return object;
  }

  private static Double number(OptionalDouble value) {
    return value.isPresent() ? value.getAsDouble() : null;
  }

  private static String name(PatchScore score) {
    return score.outliers() ? "outlier" : "normal";
  }

  private static void print(ImageSet images, ProbeReport report, PrintWriter out) {
    out.printf(
        "%d images to learn from, %d to test on, %d classes%n",
        images.train().size(), images.validation().size(), images.classes().size());
    report
        .cutoff()
        .ifPresent(norm -> out.printf("outliers are patches with a norm above %.4g%n", norm));
    if (!report.classification().isEmpty()) {
      out.printf("%n%-12s %8s %8s %10s %10s%n", "token", "train", "test", "linear", "k-NN");
      for (TokenScore score : report.classification()) {
        out.printf(
            "%-12s %8d %8d %10s %10s%n",
            score.token(),
            score.train(),
            score.validation(),
            percent(score.linear()),
            percent(score.neighbours()));
      }
    }
    if (!report.patches().isEmpty()) {
      out.printf("%n%-12s %8s %10s %10s %10s%n", "patch", "count", "position", "distance", "L2");
      for (PatchScore score : report.patches()) {
        out.printf(
            "%-12s %8d %10s %10s %10s%n",
            name(score),
            score.patches(),
            percent(score.position()),
            decimal(score.distance()),
            decimal(score.pixels()));
      }
    }
  }

  private static String percent(OptionalDouble share) {
    return share.isPresent() ? "%.1f %%".formatted(100 * share.getAsDouble()) : "-";
  }

  private static String decimal(OptionalDouble value) {
    return value.isPresent() ? "%.2f".formatted(value.getAsDouble()) : "-";
  }
}
