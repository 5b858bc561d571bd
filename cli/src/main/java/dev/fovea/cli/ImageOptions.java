package dev.fovea.cli;

import dev.fovea.DecodeOptions;
import dev.fovea.Image;
import dev.fovea.ImageException;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** How images are read, resized and cropped. */
final class ImageOptions {

  /** A crop, in pixels. */
  record Crop(int height, int width) {}

  @Option(
      names = "--resize",
      paramLabel = "R",
      description =
          "Length of the shorter side after resizing, in pixels; 0 leaves the size alone. Default:"
              + " the model's, else 256.")
  private Integer shortest;

  @Option(
      names = "--crop",
      paramLabel = "C",
      converter = CropConverter.class,
      description =
          "Centre crop in pixels: a side, or HEIGHTxWIDTH; 0 for none. Default: the model's, else"
              + " 224.")
  private Crop crop;

  @Option(
      names = "--rounding",
      paramLabel = "WHOSE",
      converter = RoundingConverter.class,
      description =
          "Where implementations differ by a pixel or the last bit: original or hugging-face."
              + " Default: the model's, else original.")
  private Preprocessing.Rounding rounding;

  @Option(
      names = "--orient",
      description = "Turn photographs upright by their EXIF orientation (the references do not).")
  private boolean orient;

  @Option(
      names = "--max-pixels",
      defaultValue = "178956970",
      paramLabel = "N",
      description = "Refuse larger images (width x height). Default: ${DEFAULT-VALUE}.")
  private long maxPixels;

  /** Refuses what prepares photographs, where there are pixels that are prepared already. */
  void refuseBesidePixels(CommandSpec command) {
    if (shortest != null || crop != null || rounding != null || orient) {
      throw new ParameterException(
          command.commandLine(),
          "--resize, --crop, --rounding and --orient prepare images; --pixels are taken as they"
              + " are");
    }
  }

  /** Reads an encoded image. */
  Image.Rgb read(Path file) {
    Image image = Image.read(file, decoding());
    if (image instanceof Image.Rgb rgb) {
      return rgb;
    }
    throw new ImageException(file + ": expected a decoder that gives 8-bit RGB");
  }

  DecodeOptions decoding() {
    return new DecodeOptions(maxPixels, orient);
  }

  /** A model's preprocessing, changed as the options say. */
  Preprocessing change(Preprocessing preprocessing) {
    Preprocessing changed =
        preprocessing.withSize(
            shortest == null ? preprocessing.shortest() : shortest,
            crop == null ? preprocessing.cropHeight() : crop.height,
            crop == null ? preprocessing.cropWidth() : crop.width);
    return rounding == null ? changed : changed.withRounding(rounding);
  }

  /** The image as the model with this preprocessing shall get it. */
  Image prepare(Image.Rgb image, Preprocessing preprocessing) {
    return change(preprocessing).equals(preprocessing) ? image : planes(image, preprocessing);
  }

  /** Whether a part of the image is asked for. */
  boolean crops() {
    return crop != null && crop.height > 0;
  }

  /**
   * The normalised planes that the engine would make, had it been opened with a model's
   * preprocessing, changed as the options say.
   */
  Image.Planes planes(Image.Rgb image, Preprocessing preprocessing) {
    return Preprocessor.planes(image, change(preprocessing));
  }

  /** Reads "224" and "448x252". */
  static final class CropConverter implements ITypeConverter<Crop> {
    @Override
    public Crop convert(String value) {
      if (!value.matches("[0-9]{1,6}(x[0-9]{1,6})?")) {
        throw new TypeConversionException(
            "expected a number of pixels, or HEIGHTxWIDTH, got '" + value + "'");
      }
      String[] sides = value.split("x");
      return new Crop(Integer.parseInt(sides[0]), Integer.parseInt(sides[sides.length - 1]));
    }
  }

  /** Reads "original" and "hugging-face". */
  static final class RoundingConverter implements ITypeConverter<Preprocessing.Rounding> {
    @Override
    public Preprocessing.Rounding convert(String value) {
      return switch (value) {
        case "original" -> Preprocessing.Rounding.ORIGINAL;
        case "hugging-face" -> Preprocessing.Rounding.HUGGING_FACE;
        default ->
            throw new TypeConversionException(
                "expected original or hugging-face, got '" + value + "'");
      };
    }
  }
}
