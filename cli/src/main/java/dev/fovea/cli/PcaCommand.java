package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.PatchGrid;
import dev.fovea.Preprocessing;
import dev.fovea.analysis.ComponentColors;
import dev.fovea.analysis.KMeans;
import dev.fovea.analysis.PatchFeatures;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.plots.Palette;
import dev.fovea.plots.PatchPicture;
import java.io.IOException;
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
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "pca",
    description =
        "Colours patches by what the model makes of them: principal components, segments.",
    footer = {
      "",
      "All images share the components and the segments, so that like things have like colours.",
      "With --out: NAME-pca and, with --segments, NAME-segments. With --arrays a safetensors file:",
      "NAME.components [rows, columns, 3] in standard deviations (0 in the background) and",
      "NAME.segments [rows, columns].",
      "",
      "Examples:",
      "  fovea pca -m facebook/dinov2-with-registers-small cat.jpg dog.jpg --out maps",
      "  fovea pca -m facebook/dinov2-with-registers-base photos/ --foreground 0.5 --out maps",
      "  fovea pca -m model.safetensors cat.jpg --segments 6 --arrays cat.safetensors"
    })
final class PcaCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;
  @Mixin private MapOutputs outputs;
  @Mixin private ComponentOptions components;

  @Option(
      names = "--segments",
      paramLabel = "K",
      description = "Also group all patches into K segments by k-means.")
  private Integer segments;

  @Option(
      names = "--seed",
      defaultValue = "1",
      paramLabel = "N",
      description = "Where k-means starts. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    components.check();
    if (segments != null && segments > Palette.COLORS) {
      throw new ParameterException(
          spec.commandLine(), "--segments at most %d, got %d".formatted(Palette.COLORS, segments));
    }
    List<Path> files = input.files();
    try (PictureFolder pictures = outputs.open(spec);
        Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      Preprocessing preprocessing = model.preprocessing();
      List<PatchFeatures> features = new ArrayList<>();
      for (Path file : files) {
        Image image = input.read(file, preprocessing);
        features.add(
            InputImages.analyse(
                file, () -> PatchFeatures.of(model, image, PatchFeatures.Source.TOKENS)));
      }
      write(files, preprocessing, features, pictures);
    }
    return 0;
  }

  private void write(
      List<Path> files,
      Preprocessing preprocessing,
      List<PatchFeatures> features,
      PictureFolder pictures)
      throws IOException {
    ComponentColors colors = components.colors(features);
    List<int[]> groups = segments == null ? List.of() : KMeans.segments(features, segments, seed);
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    List<String> names = DrawingOptions.names(files);
    for (int i = 0; i < names.size(); i++) {
      Path file = files.get(i);
      PatchGrid grid = features.get(i).grid();
      String name = names.get(i);
      tensors.put(
          new TensorInfo(name + ".components", "F32", shape(grid, 3L)),
          components(colors.images().get(i)));
      int[] rgb = colors.rgb(i, components.deviations());
      pictures.draw(name + "-pca", () -> PatchPicture.of(grid).colors(rgb).picture());
      if (segments != null) {
        int[] ofImage = groups.get(i);
        tensors.put(new TensorInfo(name + ".segments", "F32", shape(grid)), floats(ofImage));
        pictures.draw(
            name + "-segments",
            () ->
                PatchPicture.over(input.seen(file, preprocessing), grid)
                    .colors(Palette.of(ofImage))
                    .picture());
      }
    }
    outputs.write(pictures, tensors);
  }

  private static List<Long> shape(PatchGrid grid, Long... more) {
    List<Long> shape = new ArrayList<>(List.of((long) grid.rows(), (long) grid.columns()));
    shape.addAll(List.of(more));
    return shape;
  }

  private static float[] components(double[][] patches) {
    float[] values = new float[3 * patches.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = patches[i / 3] == null ? 0 : (float) patches[i / 3][i % 3];
    }
    return values;
  }

  private static float[] floats(int[] values) {
    float[] result = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }
}
