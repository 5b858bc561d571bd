package dev.fovea.cli;

import dev.fovea.PositionPolicy;
import dev.fovea.Registers;
import dev.fovea.checkpoint.DType;
import dev.fovea.converter.Conversion;
import dev.fovea.converter.ConvertOptions;
import dev.fovea.converter.Converter;
import dev.fovea.converter.Inspector;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

@Command(
    name = "convert",
    description = "Makes one artifact of a checkpoint in any published layout.",
    footer = {
      "",
      "The artifact is a safetensors file whose metadata say all that is needed to run it. It",
      "appears when it is complete; an interrupted conversion leaves what was there before.",
      "",
      "Examples:",
      "  fovea convert dinov2_vits14_reg4_pretrain.pth -o vits14-reg4.safetensors",
      "  fovea convert facebook/dinov2-with-registers-small -o small.safetensors --dtype f16",
      "  fovea convert dinov2_vitl14_pretrain.pth -o vitl14-register.safetensors \\",
      "      --test-time-register neurons.json"
    })
final class ConvertCommand implements Runnable {

  @Parameters(
      paramLabel = "SOURCE",
      description = "A .safetensors or .pth file, a Hugging Face directory, or a hub name.")
  private String source;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "OUT.safetensors",
      description = "The artifact to write.")
  private Path out;

  @Option(
      names = "--dtype",
      defaultValue = "f32",
      paramLabel = "TYPE",
      converter = DTypeConverter.class,
      description = "f32 (the default: bit for bit), f16 or bf16 (half the size, rounded).")
  private DType dtype;

  @Option(
      names = "--position-policy",
      paramLabel = "POLICY",
      converter = ModelOptions.PolicyConverter.class,
      description =
          "How position embeddings are resampled, instead of the way of the source's origin:"
              + " size-antialias, offset or size.")
  private PositionPolicy positionPolicy;

  @Option(
      names = "--test-time-register",
      paramLabel = "FILE",
      description =
          "What the artifact shall run with: neurons.json of fovea register-neurons, or"
              + " bias.safetensors of fovea attention-bias.")
  private Path testTimeRegister;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    Registers registers = testTimeRegister == null ? null : Registers.read(testTimeRegister);
    Conversion conversion;
    try (Progress progress = new Progress(spec.commandLine().getErr())) {
      conversion =
          Converter.convert(
              ModelOptions.weights(source, progress),
              out,
              new ConvertOptions(dtype, positionPolicy, registers),
              progress);
    }
    spec.commandLine()
        .getOut()
        .printf(
            "%s: %s%s, %d tensors, %,d parameters, %,d bytes, from %s layout%n",
            out,
            Inspector.architecture(conversion.config()),
            conversion.registers() instanceof Registers.AsTrained
                ? ""
                : ", " + conversion.registers().description(),
            conversion.tensors(),
            conversion.parameters(),
            conversion.bytes(),
            Layouts.name(conversion.layout()));
    if (!conversion.ignored().isEmpty()) {
      spec.commandLine()
          .getErr()
          .println("fovea: left out, not needed here: " + String.join(", ", conversion.ignored()));
    }
  }

  /** Reads the element types that artifacts have. */
  static final class DTypeConverter implements ITypeConverter<DType> {
    @Override
    public DType convert(String value) {
      return switch (value) {
        case "f32" -> DType.F32;
        case "f16" -> DType.F16;
        case "bf16" -> DType.BF16;
        default ->
            throw new TypeConversionException("expected f32, f16 or bf16, got '" + value + "'");
      };
    }
  }
}
