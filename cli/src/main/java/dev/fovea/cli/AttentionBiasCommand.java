package dev.fovea.cli;

import dev.fovea.AttentionBias;
import dev.fovea.Fovea;
import dev.fovea.TestTimeRegister;
import dev.fovea.analysis.RegisterMeans;
import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "attention-bias",
    description = "Replaces a test-time register by a constant key and value in every block.",
    footer = {
      "",
      "They are the register's mean over the images; the paper took 1000. No token is added.",
      "",
      "Examples:",
      "  fovea attention-bias -m model.pth --test-time-register neurons.json photos/ \\",
      "      --out bias.safetensors",
      "  fovea embed -m model.pth --test-time-register bias.safetensors cat.jpg"
    })
final class AttentionBiasCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "bias.safetensors",
      description = "The file to write.")
  private Path out;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    if (!out.toString().endsWith(".safetensors")) {
      throw new ParameterException(
          spec.commandLine(), "--out must end in .safetensors, got " + out);
    }
    List<Path> files = input.files();
    OutputPath.resolve(out); // refuses before the work, not after it
    try (Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      if (!(model.registers() instanceof TestTimeRegister register)) {
        throw new ParameterException(
            spec.commandLine(),
            "a model with a test-time register is needed: add --test-time-register neurons.json");
      }
      AttentionBias bias =
          RegisterMeans.attentionBias(model, input.images(files, model.preprocessing()), register);
      bias.write(out);
      spec.commandLine()
          .getOut()
          .printf(
              "%s: %s, %d blocks, mean of %d image(s)%n",
              out, bias.description(), bias.blocks(), files.size());
    }
    return 0;
  }
}
