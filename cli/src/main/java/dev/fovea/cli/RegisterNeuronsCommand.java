package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.RegisterNeuron;
import dev.fovea.TestTimeRegister;
import dev.fovea.analysis.RegisterNeurons;
import dev.fovea.analysis.RegisterNeurons.Choice;
import dev.fovea.analysis.RegisterNeurons.Search;
import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "register-neurons",
    description = "Finds the neurons that make outliers, for a test-time register.",
    footer = {
      "",
      "Neurons are ranked by their mean absolute activation at the outliers of the images. Without",
      "--top-k, one of 1800 is taken, and twice as many as long as outliers remain (at most 16",
      "times).",
      "",
      "Examples:",
      "  fovea register-neurons -m facebook/dinov2-large photos/ --out neurons.json",
      "  fovea register-neurons -m model.pth photos/ --method fixed --cutoff 150 --block 22 \\",
      "      --highest-block 17 --top-k 45 --out neurons.json",
      "  fovea features -m model.pth cat.jpg --test-time-register neurons.json \\",
      "      --out cat.safetensors"
    })
final class RegisterNeuronsCommand implements Callable<Integer> {

  private static final int SHOWN = 10;

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;
  @Mixin private OutlierOptions outliers;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "neurons.json",
      description = "The file to write.")
  private Path out;

  @Option(
      names = "--block",
      paramLabel = "B",
      description =
          "The block after which outliers are looked for, from 0. Default: the last one. In DINOv2"
              + " ViT-L the one before shows more.")
  private Integer block;

  @Option(
      names = "--highest-block",
      paramLabel = "B",
      description =
          "The last block whose neurons are looked at. Default: the one after which half of the"
              + " outliers are there.")
  private Integer highestBlock;

  @Option(names = "--top-k", paramLabel = "K", description = "How many neurons to take.")
  private Integer count;

  @Option(
      names = "--form",
      defaultValue = "paper",
      paramLabel = "FORM",
      description =
          "What the register gets: of each neuron its largest activation (paper, the default), or"
              + " of all the one activation that is farthest from zero (repo).")
  private TestTimeRegister.Form form;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    Search search = new Search(outliers.rule(), block, highestBlock);
    List<Path> files = input.files();
    OutputPath.resolve(out); // refuses before the work, not after it
    try (Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      List<Image> images = input.images(files, model.preprocessing());
      RegisterNeurons found = RegisterNeurons.find(model, images, search);
      Choice choice =
          count == null
              ? found.choose(model, images, form)
              : found.tried(model, images, found.register(model, count, form));
      choice.register().write(out);
      print(found, choice);
    }
    return 0;
  }

  private void print(RegisterNeurons found, Choice choice) {
    List<RegisterNeuron> neurons = choice.register().neurons();
    PrintWriter stdout = spec.commandLine().getOut();
    stdout.printf(
        Locale.ROOT,
        "%d outliers of %,d patches, with norms above %.4g after block %d%n",
        found.outliers().count(),
        found.outliers().patches(),
        found.outliers().cutoff().orElseThrow(),
        found.outliers().block());
    stdout.printf(
        Locale.ROOT,
        "%s (of %,d neurons in blocks 0 to %d): %d outliers remain%n%n",
        choice.register().description(),
        found.ranking().size(),
        found.highestBlock(),
        choice.remaining());
    stdout.printf("%6s %7s %9s%n", "block", "neuron", "score");
    for (RegisterNeuron neuron : neurons.subList(0, Math.min(SHOWN, neurons.size()))) {
      stdout.printf(Locale.ROOT, "%6d %7d %9.4g%n", neuron.block(), neuron.index(), neuron.score());
    }
    if (neurons.size() > SHOWN) {
      stdout.printf("   ... and %d more in %s%n", neurons.size() - SHOWN, out);
    }
  }
}
