package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.Preprocessing;
import dev.fovea.analysis.Box;
import dev.fovea.analysis.Lost;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.plots.PatchPicture;
import dev.fovea.plots.Picture;
import java.awt.Color;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "lost",
    description = "Finds one object in each image, without being told what objects are (LOST).",
    footer = {
      "",
      "Images keep their size (--resize and --crop change it) and are padded to whole patches.",
      "Boxes are left, top, right, bottom in pixels of the image file, right and bottom just",
      "outside; with --crop, of the crop, and --annotations are refused.",
      "With --annotations also CorLoc: in how many images the box overlaps an annotated one by at",
      "least half (intersection over union). With --out: NAME-lost, the object's patches, the seed",
      "framed, the box in red and annotated ones in green.",
      "",
      "Examples:",
      "  fovea lost -m facebook/dinov2-with-registers-base cat.jpg --out boxes",
      "  fovea lost -m facebook/dinov2-with-registers-large VOC2007/JPEGImages \\",
      "      --annotations VOC2007/Annotations",
      "  fovea lost -m model.safetensors photos/ --features values --bias -0.3 --normalize --json"
    })
final class LostCommand implements Callable<Integer> {

  private static final Color OURS = new Color(0xe0, 0x30, 0x30);
  private static final Color THEIRS = new Color(0x30, 0xc0, 0x50);
  private static final int OBJECT = 0x3b6fb6;

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;
  @Mixin private DrawingOptions drawings;
  @Mixin private LostOptions options;

  @Option(
      names = "--annotations",
      paramLabel = "PATH",
      description = "A directory with a VOC file (NAME.xml) for each image, or a COCO file (JSON).")
  private Path annotated;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec;

  /** What was found in one image; boxes in pixels of the file. */
  private record Finding(Path file, Lost lost, Localization boxes) {}

  @Override
  public Integer call() throws IOException {
    Lost.Settings settings = options.settings();
    List<Path> files = input.files();
    List<List<Box>> truths = truths(files);
    List<Finding> findings = new ArrayList<>();
    List<String> names = DrawingOptions.names(files);
    try (PictureFolder pictures = drawings.open();
        Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      for (int i = 0; i < files.size(); i++) {
        PaddedImage image = input.padded(files.get(i), model);
        Lost lost =
            InputImages.analyse(
                files.get(i),
                () ->
                    Lost.find(PatchFeatures.of(model, image.planes(), options.source()), settings));
        int patch = model.config().patch();
        Optional<Box> seen = lost.box(patch, image.width(), image.height());
        Optional<Box> box = seen.map(found -> found.scaled(image.scaleX(), image.scaleY()));
        Finding finding = new Finding(files.get(i), lost, new Localization(box, truths.get(i)));
        findings.add(finding);
        pictures.draw(
            names.get(i) + "-lost", () -> picture(finding, image, model.preprocessing(), patch));
      }
      pictures.commit();
    }
    print(findings);
    return 0;
  }

  /** The annotated boxes of every image, all of them before the first image is looked at. */
  private List<List<Box>> truths(List<Path> files) {
    if (annotated == null) {
      return Collections.nCopies(files.size(), List.of());
    }
    input.refuseCrop(spec);
    return files.stream().map(Annotations.open(annotated)::of).toList();
  }

  private static Picture picture(
      Finding finding, PaddedImage image, Preprocessing preprocessing, int patch) {
    Image.Rgb visible = InputImages.visible(image.planes(), preprocessing);
    Lost lost = finding.lost();
    PatchGrid grid = lost.grid();
    int[] colors = new int[grid.patches()];
    Arrays.fill(colors, -1);
    lost.object().forEach(index -> colors[index] = OBJECT);
    PatchPicture picture =
        PatchPicture.over(visible, grid).colors(colors).frames(List.of(lost.seed()));
    double x = 1 / (image.scaleX() * patch);
    double y = 1 / (image.scaleY() * patch);
    finding.boxes().truth().forEach(box -> picture.box(box.scaled(x, y), THEIRS));
    finding.boxes().box().ifPresent(box -> picture.box(box.scaled(x, y), OURS));
    return picture.picture();
  }

  private void print(List<Finding> findings) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(JsonMapper.shared().writeValueAsString(json(findings)));
      return;
    }
    int width = findings.stream().mapToInt(f -> f.file().toString().length()).max().orElse(0);
    for (Finding finding : findings) {
      out.printf(
          Locale.ROOT,
          "%-" + Math.max(1, width) + "s  %s%s%n",
          finding.file(),
          finding.boxes().box().map(LostCommand::text).orElse("no object"),
          annotated == null
              ? ""
              : "  overlap %.3f%s"
                  .formatted(
                      finding.boxes().overlap(), finding.boxes().correct() ? "" : ", not found"));
    }
    if (annotated != null) {
      out.println("CorLoc " + Localization.corLoc(boxes(findings)));
    }
  }

  private static String text(Box box) {
    return String.format(
        Locale.ROOT, "%.0f %.0f %.0f %.0f", box.left(), box.top(), box.right(), box.bottom());
  }

  private Map<String, Object> json(List<Finding> findings) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model", modelOptions.model());
    object.put("features", options.sourceName());
    object.put("images", findings.stream().map(this::json).toList());
    if (annotated != null) {
      object.put("corloc", (double) Localization.correct(boxes(findings)) / findings.size());
    }
    return object;
  }

  private Map<String, Object> json(Finding finding) {
    Map<String, Object> object = new LinkedHashMap<>();
    PatchGrid grid = finding.lost().grid();
    object.put("file", finding.file().toString());
    object.put("grid", List.of(grid.rows(), grid.columns()));
    object.put("seed", finding.lost().seed());
    object.put("object_patches", finding.lost().object());
    object.put(
        "box",
        finding
            .boxes()
            .box()
            .map(box -> List.of(box.left(), box.top(), box.right(), box.bottom()))
            .orElse(null));
    if (annotated != null) {
      object.put("overlap", finding.boxes().overlap());
      object.put("correct", finding.boxes().correct());
    }
    return object;
  }

  private static List<Localization> boxes(List<Finding> findings) {
    return findings.stream().map(Finding::boxes).toList();
  }
}
