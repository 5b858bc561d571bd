package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.OutlierRule;
import dev.fovea.analysis.Outliers;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.plots.NormHistogram;
import dev.fovea.plots.PatchPicture;
import dev.fovea.plots.Picture;
import dev.fovea.plots.Theme;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "outliers",
    description = "Finds patches whose tokens have outgrown the others: scratch space.",
    footer = {
      "",
      "A patch is an outlier if its norm is above the cutoff, which is one for all images:",
      "  fixed       --cutoff (default: 150, the paper's for DINOv2 ViT-g)",
      "  sigma       the mean plus --cutoff standard deviations (default: 3)",
      "  percentile  --cutoff percent of the norms are below (default: 98)",
      "  valley      the widest gap between the centres of two means, if there is one (the"
          + " default)",
      "With --out: histogram, and for every image a map NAME-norms with outliers framed (and",
      "NAME-norms-compared for the second model).",
      "The table of blocks has the mean norms of CLS and of every register over the images.",
      "",
      "Examples:",
      "  fovea outliers -m facebook/dinov2-large photos/",
      "  fovea outliers -m facebook/dinov2-large \\",
      "      --compare facebook/dinov2-with-registers-large photos/ --out pictures",
      "  fovea outliers -m model.safetensors --method fixed --cutoff 150 --json cat.jpg",
      "  fovea outliers -m model.pth --test-time-register neurons.json --compare model.pth photos/"
    })
final class OutliersCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;
  @Mixin private OutlierOptions outlierOptions;
  @Mixin private NormOptions normOptions;
  @Mixin private DrawingOptions drawings;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    OutlierRule rule = outlierOptions.rule();
    List<Path> files = input.files();
    List<OutlierReport> reports = new ArrayList<>();
    try (PictureFolder pictures = drawings.open()) {
      reports.add(analyse(false, files, rule));
      if (normOptions.compared() != null) {
        reports.add(analyse(true, files, rule));
      }
      draw(reports, pictures);
      pictures.commit();
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> object =
          Map.of("models", reports.stream().map(OutlierReport::json).toList());
      out.println(JsonMapper.shared().writeValueAsString(object));
    } else {
      reports.forEach(report -> report.print(out));
    }
    return 0;
  }

  private OutlierReport analyse(boolean compared, List<Path> files, OutlierRule rule) {
    try (Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = open(compared, progress)) {
      List<TokenStatistics> statistics = new ArrayList<>();
      for (Path file : files) {
        Image image = input.read(file, model.preprocessing());
        statistics.add(InputImages.analyse(file, () -> TokenStatistics.of(model, image)));
      }
      Integer asked = normOptions.block();
      int block = asked == null ? model.config().depth() - 1 : asked;
      Outliers outliers = Outliers.find(statistics, rule, block);
      String name = compared ? normOptions.compared() : modelOptions.model();
      return new OutlierReport(name, model.preprocessing(), rule, files, outliers);
    }
  }

  private Fovea open(boolean compared, Progress progress) {
    return compared
        ? modelOptions.open(normOptions.compared(), progress)
        : modelOptions.open(progress);
  }

  /** A histogram, and a map of norms for every image and model. */
  private void draw(List<OutlierReport> reports, PictureFolder pictures) throws IOException {
    Map<String, Outliers> models = new LinkedHashMap<>();
    for (OutlierReport report : reports) {
      String which = models.isEmpty() ? "" : "-compared";
      boolean again = models.containsKey(report.model());
      models.put(report.model() + (again ? " (compared)" : ""), report.outliers());
      double most = largest(report.outliers().norms());
      List<String> names = DrawingOptions.names(report.files());
      for (int i = 0; i < names.size(); i++) {
        Path file = report.files().get(i);
        Outliers.OfImage image = report.outliers().images().get(i);
        pictures.draw(
            names.get(i) + "-norms" + which,
            () ->
                normMap(
                    image,
                    report.outliers().block(),
                    most,
                    input.seen(file, report.preprocessing())));
      }
    }
    pictures.draw("histogram", () -> NormHistogram.of(models, Theme.LIGHT));
  }

  /** Norms over the image, from 0 to the largest of all images; outliers are framed. */
  private static Picture normMap(Outliers.OfImage image, int block, double most, Image.Rgb seen) {
    return PatchPicture.over(seen, image.statistics().grid())
        .heat(image.statistics().patches(block), 0, most)
        .frames(image.patches())
        .picture();
  }

  private static double largest(float[] norms) {
    double largest = 0;
    for (float norm : norms) {
      largest = Math.max(largest, norm);
    }
    return largest;
  }
}
