package dev.fovea.cli;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.checkpoint.SafetensorsWriter;
import dev.fovea.checkpoint.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "features",
    description = "Writes what the model makes of an image into a safetensors file, in float32.",
    footer = {
      "",
      "N tokens are CLS, registers, patches in rows; D channels, L blocks, H heads:",
      "  tokens_norm    [N, D]     after the final LayerNorm",
      "  tokens_prenorm [N, D]     before it",
      "  blocks         [L, N, D]  after each block, with --blocks",
      "  attention_last [H, N, N]  of the last block, with --attention",
      "  key_last       [N, D]     of the last block, with --attention",
      "",
      "Examples:",
      "  fovea features -m facebook/dinov2-with-registers-small cat.jpg --out cat.safetensors",
      "  fovea features -m model.safetensors --pixels image.safetensors --out f.safetensors \\",
      "      --blocks --attention"
    })
final class FeaturesCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private ImageOptions imageOptions;

  @ArgGroup(multiplicity = "1")
  private Input input;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "OUT.safetensors",
      description = "The file to write.")
  private Path out;

  @Option(names = "--blocks", description = "Also the tokens after each block.")
  private boolean blocks;

  @Option(names = "--attention", description = "Also attention and keys of the last block.")
  private boolean attention;

  @Spec private CommandSpec spec;

  /** An image, or pixels. */
  static final class Input {
    @Parameters(paramLabel = "IMAGE", description = "The image.")
    private Path image;

    @Option(
        names = "--pixels",
        paramLabel = "FILE.safetensors",
        description = "A file whose tensor image [3, H, W] is taken as already normalised.")
    private Path pixels;
  }

  @Override
  public Integer call() throws IOException {
    if (input.pixels != null) {
      imageOptions.refuseBesidePixels(spec);
    }
    ImageFiles.refuseToReplace(input.pixels != null ? input.pixels : input.image, out);
    try (Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      Image image =
          input.pixels != null
              ? InputImages.pixels(input.pixels)
              : imageOptions.prepare(imageOptions.read(input.image), model.preprocessing());
      FeatureRequest request = FeatureRequest.of(Feature.TOKENS, Feature.PRENORM_TOKENS);
      if (attention) {
        request =
            FeatureRequest.of(
                Feature.TOKENS, Feature.PRENORM_TOKENS, Feature.ATTENTION, Feature.KEYS);
      }
      if (blocks) {
        request = request.withAllBlocks(model.config().depth());
      }
      write(model.features(image, request), request);
    }
    return 0;
  }

  private void write(Features features, FeatureRequest request) {
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    for (Feature feature : request.features()) {
      int[] shape = features.layout().shape(feature);
      TensorInfo info =
          new TensorInfo(
              name(feature), "F32", Arrays.stream(shape).asLongStream().boxed().toList());
      tensors.put(info, features.get(feature));
    }
    SafetensorsWriter.write(out, tensors);
  }

  private static String name(Feature feature) {
    return switch (feature) {
      case TOKENS -> "tokens_norm";
      case PRENORM_TOKENS -> "tokens_prenorm";
      case BLOCKS -> "blocks";
      case ATTENTION -> "attention_last";
      case KEYS -> "key_last";
      default -> throw new IllegalStateException("this command does not ask for " + feature);
    };
  }
}
