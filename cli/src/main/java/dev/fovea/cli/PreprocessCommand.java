package dev.fovea.cli;

import dev.fovea.Image;
import dev.fovea.ImageException;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import dev.fovea.checkpoint.AtomicFile;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.converter.WeightFiles;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import javax.imageio.ImageIO;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "preprocess",
    description = "Writes the pixels that a model sees: resized and cropped, as PNG.",
    footer = {
      "",
      "Examples:",
      "  fovea preprocess cat.jpg --out seen.png",
      "  fovea preprocess cat.jpg --out seen.png --resize 518 --crop 518",
      "  fovea preprocess cat.jpg --out seen.png --model facebook/dinov2-with-registers-small"
    })
final class PreprocessCommand implements Callable<Integer> {

  @Parameters(paramLabel = "IMAGE", description = "The image.")
  private Path image;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "OUT.png",
      description = "The file to write.")
  private Path out;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description = "Whose preprocessing to use; without it, DINOv2's (256, crop 224).")
  private String model;

  @Mixin private ImageOptions imageOptions;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    ImageFiles.refuseToReplace(image, out);
    Image.Rgb pixels =
        Preprocessor.apply(imageOptions.read(image), imageOptions.change(preprocessing()));
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    if (!ImageIO.write(buffered(pixels), "png", png)) {
      throw new ImageException("this Java cannot write PNG");
    }
    try (AtomicFile file = AtomicFile.create(out)) {
      file.write(ByteBuffer.wrap(png.toByteArray()));
      file.commit();
    }
    return 0;
  }

  private Preprocessing preprocessing() {
    if (model == null || model.startsWith("synthetic:")) {
      return Preprocessing.DINOV2;
    }
    try (Progress progress = new Progress(spec.commandLine().getErr());
        VitWeights weights = WeightFiles.open(ModelOptions.weights(model, progress))) {
      return weights.preprocessing();
    }
  }

  private static BufferedImage buffered(Image.Rgb pixels) {
    int width = pixels.width();
    BufferedImage result = new BufferedImage(width, pixels.height(), BufferedImage.TYPE_INT_RGB);
    int[] row = new int[width];
    for (int y = 0; y < pixels.height(); y++) {
      for (int x = 0; x < width; x++) {
        int at = 3 * (y * width + x);
        byte[] samples = pixels.samples();
        row[x] =
            (samples[at] & 0xff) << 16 | (samples[at + 1] & 0xff) << 8 | (samples[at + 2] & 0xff);
      }
      result.setRGB(0, y, width, 1, row, 0, width);
    }
    return result;
  }
}
