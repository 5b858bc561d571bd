package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Parity;
import dev.fovea.Parity.Limits;
import dev.fovea.kernels.WeightStorage;
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
    name = "parity",
    description = "Compares what two devices make of the same images, block by block.",
    footer = {
      "",
      "The reference keeps its weights in float32. Of several images every figure is the worst.",
      "Exit code 0 if the results are as near as 16-bit products let them be, else 1:",
      "",
      "  --storage  cosine of CLS and embedding  cosine of every patch  relative L2 of all tokens",
      "  f32, f16   0.9999                       0.9995                 0.005",
      "  bf16       0.9995                       0.998                  0.02",
      "",
      "Examples:",
      "  fovea parity -m facebook/dinov2-with-registers-small --device cuda photos/",
      "  fovea parity -m synthetic:small-reg4 --device cpu --kernels scalar cat.jpg --json"
    })
final class ParityCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions = new ModelOptions("cuda");
  @Mixin private ImageOptions imageOptions;
  @Mixin private ImageFiles imageFiles;

  @Option(
      names = "--reference",
      defaultValue = "cpu",
      paramLabel = "NAME",
      description = "The device to compare with. Default: ${DEFAULT-VALUE}.")
  private String reference;

  @Option(
      names = "--reference-kernels",
      defaultValue = "auto",
      paramLabel = "NAME",
      description = "Its kernels. Default: ${DEFAULT-VALUE}.")
  private String referenceKernels;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec;

  /** What --json prints. */
  private record Report(
      String source,
      String reference,
      String device,
      int images,
      Map<String, Parity.Difference> differences,
      Limits limits,
      List<String> violations) {}

  @Override
  public Integer call() throws IOException {
    List<Path> files = imageFiles.list();
    Report report;
    try (Progress progress = new Progress(spec.commandLine().getErr());
        Fovea expected =
            modelOptions.open(
                progress,
                options ->
                    options
                        .withDevice(reference)
                        .withKernels(referenceKernels)
                        .withStorage(WeightStorage.F32));
        Fovea actual = modelOptions.open(progress)) {
      List<Image> images = new ArrayList<>();
      for (Path file : files) {
        images.add(imageOptions.prepare(imageOptions.read(file), expected.preprocessing()));
      }
      Parity parity = Parity.between(expected, actual, images);
      Limits limits = Limits.of(modelOptions.storage());
      report =
          new Report(
              actual.source(),
              expected.device(),
              actual.device(),
              images.size(),
              new LinkedHashMap<>(parity.differences()),
              limits,
              parity.violations(limits));
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(JsonMapper.shared().writeValueAsString(report));
    } else {
      print(report, out);
    }
    return report.violations.isEmpty() ? 0 : 1;
  }

  private static void print(Report report, PrintWriter out) {
    out.printf("model      %s, %d image(s)%n", report.source, report.images);
    out.printf("reference  %s%n", report.reference);
    out.printf("device     %s%n%n", report.device);
    out.printf("%-10s %12s %12s %14s%n", "", "relative L2", "largest", "lowest cosine");
    report.differences.forEach(
        (name, difference) ->
            out.printf(
                "%-10s %12.2e %12.2e %14.8f%n",
                name, difference.relativeL2(), difference.largest(), difference.lowestCosine()));
    out.println();
    for (String violation : report.violations) {
      out.println("wrong: " + violation);
    }
    out.println(report.violations.isEmpty() ? "near enough" : "not near enough");
  }
}
