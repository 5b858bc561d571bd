package dev.fovea.cli;

import dev.fovea.Preprocessing;
import dev.fovea.Registers;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.converter.Inspection;
import dev.fovea.converter.Inspector;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "inspect",
    description = "Prints architecture, tensors and parameters of a checkpoint in any layout.",
    footer = {
      "",
      "Examples:",
      "  fovea inspect dinov2_vits14_reg4_pretrain.pth",
      "  fovea inspect facebook/dinov2-with-registers-small --json"
    })
final class InspectCommand implements Runnable {

  @Parameters(
      paramLabel = "FILE",
      description = "A .safetensors or .pth file, a Hugging Face directory, or a hub name.")
  private String source;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    Inspection inspection;
    try (Progress progress = new Progress(spec.commandLine().getErr())) {
      inspection = Inspector.inspect(ModelOptions.weights(source, progress));
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(JsonMapper.shared().writeValueAsString(json(inspection)));
      return;
    }
    facts(inspection).forEach((name, value) -> out.printf("%-15s %s%n", name, value));
    out.println();
    int width =
        inspection.tensors().stream().mapToInt(info -> info.name().length()).max().orElse(0);
    for (TensorInfo info : inspection.tensors()) {
      out.printf(
          "%-" + Math.max(1, width) + "s  %-4s %,12d  %s%n",
          info.name(),
          info.dtype(),
          info.elements(),
          info.shape());
    }
  }

  private static Map<String, Object> facts(Inspection inspection) {
    VitConfig config = inspection.config();
    Preprocessing preprocessing = inspection.preprocessing();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("source", inspection.source());
    facts.put("architecture", inspection.architecture());
    facts.put("layout", Layouts.name(inspection.layout()));
    facts.put(
        "size",
        "width %d, depth %d, heads %d, MLP %d (%s), patch %d, grid %d x %d"
            .formatted(
                config.width(),
                config.depth(),
                config.heads(),
                config.hidden(),
                config.mlp() == VitConfig.Mlp.SWIGLU ? "SwiGLU" : "GELU",
                config.patch(),
                config.grid(),
                config.grid()));
    facts.put("positions", config.positionPolicy().id());
    facts.put(
        "preprocessing",
        "resize %d, crop %d x %d"
            .formatted(
                preprocessing.shortest(), preprocessing.cropHeight(), preprocessing.cropWidth()));
    if (!(inspection.registers() instanceof Registers.AsTrained)) {
      facts.put("registers", inspection.registers().description());
    }
    facts.put("parameters", "%,d".formatted(inspection.parameters()));
    facts.put(
        "tensors", "%d, %,d bytes".formatted(inspection.tensors().size(), inspection.bytes()));
    if (!inspection.ignored().isEmpty()) {
      facts.put("not needed", String.join(", ", inspection.ignored()));
    }
    new TreeMap<>(inspection.metadata()).forEach((key, value) -> facts.put(key, value));
    return facts;
  }

  private static Map<String, Object> json(Inspection inspection) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("source", inspection.source());
    object.put("architecture", inspection.architecture());
    object.put("layout", Layouts.name(inspection.layout()));
    object.put("config", inspection.config());
    object.put("positionPolicy", inspection.config().positionPolicy().id());
    object.put("preprocessing", inspection.preprocessing());
    object.put("registers", inspection.registers().description());
    object.put("parameters", inspection.parameters());
    object.put("bytes", inspection.bytes());
    object.put("metadata", inspection.metadata());
    object.put("ignored", inspection.ignored());
    object.put("tensors", inspection.tensors().stream().map(InspectCommand::json).toList());
    return object;
  }

  private static Map<String, Object> json(TensorInfo info) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("name", info.name());
    object.put("dtype", info.dtype());
    object.put("shape", List.copyOf(info.shape()));
    return object;
  }
}
