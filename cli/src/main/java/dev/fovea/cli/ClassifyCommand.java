package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.FoveaException;
import dev.fovea.Image;
import dev.fovea.probes.ClassificationHead;
import dev.fovea.probes.Labels;
import dev.fovea.probes.Prediction;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "classify",
    description = "Prints the likeliest classes of each image, by a linear head on DINOv2.",
    footer = {
      "",
      "Heads on one layer read CLS and the mean of the patches, heads on four the CLS of the last",
      "four blocks and that mean. Without --head, the model's own file or directory must have one.",
      "A directory's config.json names the classes; the original .pth heads know only numbers.",
      "",
      "An image that cannot be classified is reported on stderr and left out; the others are done,",
      "and the exit code is 1.",
      "",
      "Examples:",
      "  fovea classify -m facebook/dinov2-with-registers-small-imagenet1k-1-layer cat.jpg",
      "  fovea classify -m dinov2_vits14_reg4_pretrain.pth --head"
          + " dinov2_vits14_reg4_linear4_head.pth \\",
      "      --labels imagenet.txt --top 3 --json photos/"
    })
final class ClassifyCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private ImageOptions imageOptions;
  @Mixin private ImageFiles imageFiles;

  @Option(
      names = "--head",
      paramLabel = "HEAD",
      description =
          "A .pth or safetensors file with the head, a Hugging Face directory, or a hub name."
              + " Default: the model.")
  private String head;

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description =
          "Names of the classes: a text file with one on each line, or JSON (a list, or an object"
              + " such as a config.json with id2label).")
  private Path labels;

  @Option(
      names = {"-k", "--top"},
      defaultValue = "5",
      paramLabel = "K",
      description = "How many classes to print. Default: ${DEFAULT-VALUE}.")
  private int top;

  @Option(names = "--json", description = "Print one JSON object for each image, on a line.")
  private boolean json;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    if (top < 1) {
      throw new ParameterException(spec.commandLine(), "--top must be positive, got " + top);
    }
    List<Path> files = imageFiles.list();
    int failures = 0;
    try (Fovea model = open()) {
      ClassificationHead classifier = head(model);
      for (Path file : files) {
        failures += classify(model, classifier, file) ? 0 : 1;
      }
    }
    return failures == 0 ? 0 : 1;
  }

  private Fovea open() {
    try (Progress progress = new Progress(spec.commandLine().getErr())) {
      return modelOptions.open(progress);
    }
  }

  private ClassificationHead head(Fovea model) {
    try (Progress progress = new Progress(spec.commandLine().getErr())) {
      Path source =
          head == null ? modelOptions.weights(progress) : ModelOptions.weights(head, progress);
      ClassificationHead classifier = ClassificationHead.open(source, model.trainedConfig());
      return labels == null ? classifier : classifier.withLabels(Labels.read(labels));
    }
  }

  /** Whether it worked; if not, it has been reported. */
  private boolean classify(Fovea model, ClassificationHead classifier, Path file) {
    List<Prediction> predictions;
    try {
      Image image = imageOptions.prepare(imageOptions.read(file), model.preprocessing());
      predictions = classifier.classify(model, image, top);
    } catch (FoveaException | IllegalArgumentException e) {
      spec.commandLine().getErr().println("fovea: " + new Refusal(e).message(file));
      return false;
    }
    print(file, predictions);
    return true;
  }

  private void print(Path file, List<Prediction> predictions) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("file", file.toString());
      object.put("predictions", predictions);
      out.println(JsonMapper.shared().writeValueAsString(object));
      return;
    }
    out.println(file);
    for (Prediction prediction : predictions) {
      out.printf(
          "  %5.1f %%  %4d  %s%n",
          100 * prediction.probability(), prediction.index(), prediction.label());
    }
  }
}
