package dev.fovea.cli;

import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.analysis.AttentionMaps;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.plots.ContactSheet;
import dev.fovea.plots.PatchPicture;
import dev.fovea.plots.Picture;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "attention",
    description = "Shows where CLS and the registers look: attention over the patches.",
    footer = {
      "",
      "With --out, for every image and block B:",
      "  NAME-attention-B            every head's map, and their mean, of CLS and every register",
      "  NAME-attention-B-cls        the mean of the heads over the image, for CLS",
      "  NAME-attention-B-register1  and for every register",
      "and with --heads also NAME-attention-B-cls-head0, ..., one head's map over the image.",
      "With --arrays a safetensors file: NAME.blockB [1 + R, heads, rows, columns] and the mean of",
      "the heads NAME.blockB.mean [1 + R, rows, columns] for every image and block, CLS first.",
      "",
      "Examples:",
      "  fovea attention -m facebook/dinov2-with-registers-small cat.jpg --out maps",
      "  fovea attention -m facebook/dinov2-small cat.jpg --blocks all --mass 0.6 --out maps",
      "  fovea attention -m model.safetensors photos/ --arrays attention.safetensors"
    })
final class AttentionCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private InputImages input;
  @Mixin private MapOutputs outputs;
  @Mixin private AttentionOptions options;

  @Option(names = "--heads", description = "Also lay the map of every single head over the image.")
  private boolean everyHead;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    List<Path> files = input.files();
    List<String> names = DrawingOptions.names(files);
    Map<TensorInfo, float[]> tensors = new LinkedHashMap<>();
    try (PictureFolder pictures = outputs.open(spec);
        Progress progress = new Progress(spec.commandLine().getErr());
        Fovea model = modelOptions.open(progress)) {
      int[] indices = options.blocks(model.config().depth());
      for (int i = 0; i < files.size(); i++) {
        Image image = input.read(files.get(i), model.preprocessing());
        AttentionMaps maps =
            InputImages.analyse(files.get(i), () -> AttentionMaps.of(model, image, indices));
        if (outputs.pictures()) {
          draw(names.get(i), input.seen(files.get(i), model.preprocessing()), maps, pictures);
        }
        if (outputs.arrays()) {
          collect(names.get(i), maps, tensors);
        }
      }
      outputs.write(pictures, tensors);
    }
    return 0;
  }

  private void draw(String name, Image.Rgb seen, AttentionMaps maps, PictureFolder pictures)
      throws IOException {
    for (int block : maps.blocks()) {
      String prefix = name + "-attention-" + block;
      pictures.draw(prefix, () -> sheet(maps, block));
      for (int query = 0; query <= maps.registers(); query++) {
        String ofQuery = prefix + (query == AttentionMaps.CLS ? "-cls" : "-register" + query);
        float[] mean = maps.mean(block, query);
        pictures.draw(ofQuery, () -> over(seen, maps, mean));
        for (int head = 0; everyHead && head < maps.heads(); head++) {
          float[] map = maps.head(block, head, query);
          pictures.draw(ofQuery + "-head" + head, () -> over(seen, maps, map));
        }
      }
    }
  }

  private Picture over(Image.Rgb seen, AttentionMaps maps, float[] map) {
    float[] kept = options.kept(map);
    return PatchPicture.over(seen, maps.grid()).heat(kept, 0, largest(kept)).picture();
  }

  /** A row for CLS and for every register; the mean of the heads, then every head. */
  private Picture sheet(AttentionMaps maps, int block) {
    List<String> columns = new ArrayList<>(List.of("mean"));
    IntStream.range(0, maps.heads()).forEach(head -> columns.add("head " + head));
    List<ContactSheet.Row> rows = new ArrayList<>();
    for (int query = 0; query <= maps.registers(); query++) {
      List<Picture> row = new ArrayList<>();
      row.add(alone(maps, maps.mean(block, query)));
      for (int head = 0; head < maps.heads(); head++) {
        row.add(alone(maps, maps.head(block, head, query)));
      }
      String title = query == AttentionMaps.CLS ? "CLS" : "register " + query;
      rows.add(new ContactSheet.Row(title, row));
    }
    return ContactSheet.of(columns, rows);
  }

  private Picture alone(AttentionMaps maps, float[] map) {
    float[] kept = options.kept(map);
    return PatchPicture.of(maps.grid()).heatAlone(kept, 0, largest(kept)).picture();
  }

  private void collect(String name, AttentionMaps maps, Map<TensorInfo, float[]> tensors) {
    long queries = 1L + maps.registers();
    long rows = maps.grid().rows();
    long columns = maps.grid().columns();
    for (int block : maps.blocks()) {
      List<float[]> heads = new ArrayList<>();
      List<float[]> means = new ArrayList<>();
      for (int query = 0; query < queries; query++) {
        means.add(options.kept(maps.mean(block, query)));
        for (int head = 0; head < maps.heads(); head++) {
          heads.add(options.kept(maps.head(block, head, query)));
        }
      }
      String tensor = name + ".block" + block;
      List<Long> shape = List.of(queries, (long) maps.heads(), rows, columns);
      tensors.put(new TensorInfo(tensor, "F32", shape), concatenated(heads));
      List<Long> shapeOfMean = List.of(queries, rows, columns);
      tensors.put(new TensorInfo(tensor + ".mean", "F32", shapeOfMean), concatenated(means));
    }
  }

  private static float[] concatenated(List<float[]> maps) {
    int patches = maps.getFirst().length;
    float[] values = new float[maps.size() * patches];
    for (int i = 0; i < maps.size(); i++) {
      System.arraycopy(maps.get(i), 0, values, i * patches, patches);
    }
    return values;
  }

  private static double largest(float[] map) {
    double largest = 0;
    for (float value : map) {
      largest = Math.max(largest, value);
    }
    return largest;
  }
}
