package dev.fovea.cli;

import dev.fovea.CheckpointException;
import dev.fovea.Fovea;
import dev.fovea.FoveaException;
import dev.fovea.Image;
import dev.fovea.ImageException;
import dev.fovea.kernels.Pooling;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

@Command(
    name = "embed",
    description = "Prints the embedding of each image.",
    footer = {
      "",
      "An image that cannot be embedded is reported on stderr and left out; the others are done,",
      "and the exit code is 1.",
      "",
      "Examples:",
      "  fovea embed --model facebook/dinov2-with-registers-small cat.jpg",
      "  fovea embed -m synthetic:small-reg4 --pool cls+mean --normalize --format csv photos/",
      "  fovea embed -m model.safetensors --format npy --out photos.npy photos/ > photos.txt"
    })
final class EmbedCommand implements Callable<Integer> {

  @Mixin private ModelOptions modelOptions;
  @Mixin private ImageOptions imageOptions;
  @Mixin private ImageFiles imageFiles;

  @Option(
      names = "--pool",
      defaultValue = "cls",
      converter = PoolingConverter.class,
      paramLabel = "HOW",
      description = "cls (the default), mean of the patches, or cls+mean.")
  private Pooling pooling;

  @Option(names = "--normalize", description = "Divide each embedding by its L2 norm.")
  private boolean normalize;

  @Option(
      names = {"-f", "--format"},
      defaultValue = "json",
      paramLabel = "FORMAT",
      description = "json (the default), csv, or npy.")
  private EmbeddingWriter.Format format;

  @Option(
      names = {"-o", "--out"},
      paramLabel = "FILE",
      description = "Where the array goes; for npy, which then lists the files of its rows.")
  private Path out;

  @Option(
      names = "--batch",
      defaultValue = "8",
      paramLabel = "N",
      description = "Images that go through the model together. Default: ${DEFAULT-VALUE}.")
  private int batch;

  @Spec private CommandSpec spec;

  private int failures;

  @Override
  public Integer call() throws IOException {
    if ((format == EmbeddingWriter.Format.NPY) != (out != null)) {
      throw new ParameterException(
          spec.commandLine(), "--format npy needs --out FILE, and the other formats have no --out");
    }
    if (batch < 1) {
      throw new ParameterException(spec.commandLine(), "--batch must be positive, got " + batch);
    }
    List<Path> files = imageFiles.list();
    boolean single = imageFiles.isSingle();
    try (Fovea model = open();
        EmbeddingWriter writer = writer(model, single)) {
      for (int first = 0; first < files.size(); first += batch) {
        if (spec.commandLine().getOut().checkError()) {
          throw new IOException(Main.NO_STDOUT);
        }
        embed(model, files.subList(first, Math.min(files.size(), first + batch)), writer);
      }
      if (!single || failures == 0) {
        writer.finish();
      }
    }
    return failures == 0 ? 0 : 1;
  }

  private Fovea open() {
    try (Progress progress = new Progress(err())) {
      return modelOptions.open(progress, options -> options.withPooling(pooling, normalize));
    }
  }

  private EmbeddingWriter writer(Fovea model, boolean single) throws IOException {
    PrintWriter stdout = spec.commandLine().getOut();
    return switch (format) {
      case JSON -> new TextEmbeddingWriter.Json(stdout, !single);
      case CSV -> new TextEmbeddingWriter.Csv(stdout);
      case NPY -> new NpyWriter(out, model.embeddingLength(), stdout);
    };
  }

  private void embed(Fovea model, List<Path> files, EmbeddingWriter writer) throws IOException {
    List<Path> read = new ArrayList<>();
    List<Image> images = new ArrayList<>();
    for (Path file : files) {
      try {
        images.add(imageOptions.prepare(imageOptions.read(file), model.preprocessing()));
        read.add(file);
      } catch (FoveaException e) {
        report(e, file);
      }
    }
    try {
      List<float[]> embeddings = images.isEmpty() ? List.of() : model.embedAll(images);
      for (int i = 0; i < read.size(); i++) {
        write(read.get(i), embeddings.get(i), writer);
      }
    } catch (IllegalArgumentException | ImageException e) {
      embedOneByOne(model, read, images, writer); // One has a size that does not fit the model.
    }
  }

  private void embedOneByOne(
      Fovea model, List<Path> files, List<Image> images, EmbeddingWriter writer)
      throws IOException {
    for (int i = 0; i < files.size(); i++) {
      float[] embedding;
      try {
        embedding = model.embed(images.get(i));
      } catch (IllegalArgumentException | ImageException e) {
        report(e, files.get(i));
        continue;
      }
      write(files.get(i), embedding, writer);
    }
  }

  private void write(Path file, float[] embedding, EmbeddingWriter writer) throws IOException {
    for (float element : embedding) {
      if (!Float.isFinite(element)) {
        String problem = "its embedding is not finite: the model has weights that are not, or huge";
        report(new CheckpointException(problem), file);
        return;
      }
    }
    writer.write(file, embedding);
  }

  private void report(RuntimeException e, Path file) {
    failures++;
    err().println("fovea: " + new Refusal(e).message(file));
  }

  private PrintWriter err() {
    return spec.commandLine().getErr();
  }

  /** Reads "cls", "mean" and "cls+mean". */
  static final class PoolingConverter implements ITypeConverter<Pooling> {
    @Override
    public Pooling convert(String value) {
      return switch (value) {
        case "cls" -> Pooling.CLS;
        case "mean" -> Pooling.MEAN;
        case "cls+mean" -> Pooling.CLS_MEAN;
        default ->
            throw new TypeConversionException(
                "expected cls, mean or cls+mean, got '" + value + "'");
      };
    }
  }
}
