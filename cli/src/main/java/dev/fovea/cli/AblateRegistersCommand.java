package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.analysis.RegisterAblations;
import dev.fovea.analysis.RegisterAblations.Outcome;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "ablate-registers",
    description = "Says how much outputs change when a model's registers do.",
    footer = {
      "",
      "  drop, first R  only so many of the registers are in the sequence",
      "  zero           registers are blanked after every block",
      "  mean           they hold their mean over the images",
      "  shuffle        they hold what they hold in another image",
      "",
      "Examples:",
      "  fovea ablate-registers -m facebook/dinov2-with-registers-small photos/",
      "  fovea ablate-registers -m synthetic:small-reg4 --json photos/"
    })
final class AblateRegistersCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;

  @Option(
      names = "--seed",
      defaultValue = "1",
      paramLabel = "N",
      description = "Who gets whose registers. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    modelOptions.refuseRegisters(spec);
    List<Path> files = input.files();
    List<Outcome> outcomes;
    try (Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      outcomes = RegisterAblations.of(model, input.images(files, model.preprocessing()), seed);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(JsonMapper.shared().writeValueAsString(Map.of("ablations", outcomes)));
      return 0;
    }
    out.println("cosine similarity to the unchanged model");
    out.printf("%-10s %9s %9s%n", "", "CLS", "patches");
    for (Outcome outcome : outcomes) {
      out.printf(
          Locale.ROOT, "%-10s %9.6f %9.6f%n", outcome.name(), outcome.cls(), outcome.patches());
    }
    return 0;
  }
}
