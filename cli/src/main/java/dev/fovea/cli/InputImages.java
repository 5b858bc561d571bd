package dev.fovea.cli;

import dev.fovea.CheckpointException;
import dev.fovea.DecodeOptions;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.ImageException;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.List;
import java.util.function.Supplier;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The images that an analysis is about: files and directories, or pixels. */
final class InputImages {

  @ArgGroup(multiplicity = "1")
  private Source source;

  @Mixin private ImageOptions options;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = {"-r", "--recursive"},
      description = "Also the directories in directories.")
  private boolean recursive;

  /** Images, or pixels. */
  static final class Source {
    @Parameters(
        arity = "1..*",
        paramLabel = "IMAGE",
        description = "Image files, or directories of them.")
    private List<Path> paths;

    @Option(
        names = "--pixels",
        paramLabel = "FILE.safetensors",
        description = "A file whose tensor image [3, H, W] is taken as already normalised.")
    private Path pixels;
  }

  /**
   * The files, in order.
   *
   * @throws ImageException if there are none
   */
  List<Path> files() throws IOException {
    if (source.pixels != null) {
      options.refuseBesidePixels(command);
      return List.of(source.pixels);
    }
    return ImageFiles.list(source.paths, recursive);
  }

  /** One of {@link #files} as a model with this preprocessing shall get it. */
  Image read(Path file, Preprocessing preprocessing) {
    return source.pixels != null
        ? pixels(file)
        : options.prepare(options.read(file), preprocessing);
  }

  /** What an analysis makes of one of {@link #files}; where it refuses that, it says which. */
  static <T> T analyse(Path file, Supplier<T> analysis) {
    try {
      return analysis.get();
    } catch (IllegalArgumentException | ImageException e) {
      throw new ImageException(new Refusal(e).message(file), e);
    }
  }

  /** All of them, each read when it is asked for, so that they need not fit into memory. */
  List<Image> images(List<Path> files, Preprocessing preprocessing) {
    return new AbstractList<>() {
      @Override
      public Image get(int index) {
        return read(files.get(index), preprocessing);
      }

      @Override
      public int size() {
        return files.size();
      }
    };
  }

  /** One of {@link #files} as people see what the model sees: resized, cropped, 8 bits a sample. */
  Image.Rgb seen(Path file, Preprocessing preprocessing) {
    return source.pixels != null
        ? visible(pixels(file), preprocessing)
        : Preprocessor.apply(options.read(file), options.change(preprocessing));
  }

  /** Which part of one of {@link #files} {@link #seen} is. */
  Viewport viewport(Path file, Preprocessing preprocessing) {
    if (source.pixels != null) {
      Image.Planes planes = pixels(file);
      return Viewport.of(planes.width(), planes.height(), preprocessing.withSize(0, 0, 0));
    }
    Image.Rgb image = options.read(file);
    return Viewport.of(image.width(), image.height(), options.change(preprocessing));
  }

  /**
   * One of {@link #files} in its own size, unless the options say otherwise, padded to whole
   * patches.
   */
  PaddedImage padded(Path file, Fovea model) {
    int patch = model.config().patch();
    if (source.pixels != null) {
      Image.Planes planes = pixels(file);
      return PaddedImage.of(planes, patch, planes.width(), planes.height());
    }
    Image.Rgb image = options.read(file);
    Image.Planes planes = options.planes(image, model.preprocessing().withSize(0, 0, 0));
    return options.crops()
        ? PaddedImage.of(planes, patch, planes.width(), planes.height())
        : PaddedImage.of(planes, patch, image.width(), image.height());
  }

  /** A model's preprocessing, changed as the options say. */
  Preprocessing change(Preprocessing preprocessing) {
    return options.change(preprocessing);
  }

  /** How image files are read. */
  DecodeOptions decoding() {
    return options.decoding();
  }

  /** Where boxes belong to whole images, crops do not. */
  void refuseCrop(CommandSpec spec) {
    if (options.crops()) {
      throw new ParameterException(
          spec.commandLine(), "--annotations are of whole images: leave out --crop");
    }
  }

  /** Pixels from a file that holds them normalised. */
  static Image.Planes pixels(Path file) {
    try (Checkpoint tensors = Safetensors.open(file)) {
      TensorInfo info = tensors.tensors().get("image");
      if (info == null || info.shape().size() != 3 || info.shape().getFirst() != 3) {
        throw new CheckpointException(
            file
                + ": expected a tensor image [3, height, width], got "
                + (info == null ? tensors.tensors().keySet() : info.shape()));
      }
      float[] samples = new float[Math.toIntExact(info.elements())];
      tensors.read("image", 0, samples, 0, samples.length);
      int height = Math.toIntExact(info.shape().get(1));
      return new Image.Planes(Math.toIntExact(info.shape().get(2)), height, samples);
    }
  }

  /** Undoes the normalisation; what is darker than black or brighter than white is cut off. */
  static Image.Rgb visible(Image.Planes planes, Preprocessing preprocessing) {
    int count = planes.width() * planes.height();
    byte[] samples = new byte[3 * count];
    for (int i = 0; i < samples.length; i++) {
      int channel = i % 3;
      double value =
          planes.samples()[channel * count + i / 3] * preprocessing.std().get(channel)
              + preprocessing.mean().get(channel);
      samples[i] = (byte) Math.clamp(Math.round(255 * value), 0, 255);
    }
    return new Image.Rgb(planes.width(), planes.height(), samples);
  }
}
