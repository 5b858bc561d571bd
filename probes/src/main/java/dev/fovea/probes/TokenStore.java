package dev.fovea.probes;

import dev.fovea.DecodeOptions;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.FoveaException;
import dev.fovea.Image;
import dev.fovea.ImageException;
import dev.fovea.Preprocessing;
import dev.fovea.Preprocessor;
import dev.fovea.ProgressListener;
import dev.fovea.analysis.TokenStatistics;
import dev.fovea.checkpoint.OutputPath;
import dev.fovea.kernels.Pooling;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The tokens of images, computed once: what one run has computed lies on disk for the next.
 *
 * <p>A file is known by what it is made from: the model, what it runs on, the preprocessing, the
 * content of the image, and which tokens it holds. It appears complete or not at all, so any number
 * of runs may share a folder; one that is damaged is computed again.
 *
 * <p>Safe for use by several threads.
 */
public final class TokenStore {

  /** What is stored together, because it is needed together. */
  public enum Kind {
    /** CLS, the mean of the patches and the registers. */
    SUMMARY,
    /** Patches and their norms. */
    PATCHES
  }

  private static final FeatureRequest SUMMARY =
      FeatureRequest.of(Feature.CLS, Feature.REGISTERS, Feature.EMBEDDING)
          .withPooling(Pooling.MEAN, false);

  private static final FeatureRequest PATCHES =
      FeatureRequest.of(Feature.PATCHES, Feature.PRENORM_TOKENS);

  private final Fovea model;
  private final Preprocessing preprocessing;
  private final DecodeOptions decoding;
  private final Path folder;
  private final Map<Path, String> contents = new ConcurrentHashMap<>();

  /**
   * A store of one model's tokens.
   *
   * @param content tells the model's weights from all others: their SHA-256
   * @param preprocessing of the images, which need not be the model's own
   * @param cache the folder for all models' files, made if need be
   * @throws FoveaException if the folder cannot be made
   */
  public TokenStore(
      Fovea model,
      String content,
      Preprocessing preprocessing,
      DecodeOptions decoding,
      Path cache) {
    this.model = model;
    this.preprocessing = preprocessing;
    this.decoding = decoding;
    // Threads do not change a bit of the tokens; kernels and storage do.
    String device = model.device().replaceFirst(", \\d+ threads?", "");
    List<Object> key =
        List.of(
            content,
            model.config(),
            model.registers(),
            device,
            preprocessing,
            "upright " + decoding.applyOrientation());
    this.folder = cache.resolve(sha256(key.toString().getBytes(StandardCharsets.UTF_8)));
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new FoveaException("cannot make the folder " + folder + " (" + e + ")", e);
    }
  }

  /** The model whose tokens these are. */
  public Fovea model() {
    return model;
  }

  /**
   * Computes what is not on disk yet, images next to each other on several threads.
   *
   * @param progress told about it, in bytes of image files
   * @throws FoveaException if an image cannot be read, or the cache cannot be written
   * @throws IllegalArgumentException if the size of an image does not fit the model
   */
  public void compute(Collection<Path> images, Kind kind, ProgressListener progress) {
    long total = images.stream().mapToLong(TokenStore::size).sum();
    AtomicLong done = new AtomicLong();
    AtomicReference<RuntimeException> failure = new AtomicReference<>();
    // An exception that left the stream would leave the other images' threads behind.
    images.parallelStream()
        .filter(image -> failure.get() == null)
        .forEach(
            image -> {
              try {
                tensors(image, kind);
                progress.progress("computing tokens", done.addAndGet(size(image)), total);
              } catch (RuntimeException e) {
                failure.compareAndSet(null, e);
              }
            });
    if (failure.get() != null) {
      throw failure.get();
    }
  }

  /** CLS, mean and registers of an image. */
  public ImageSummary summary(Path image) {
    Map<String, Tensor> tensors = tensors(image, Kind.SUMMARY);
    return new ImageSummary(
        tensors.get("cls").values(),
        tensors.get("mean").values(),
        tensors.get("registers").values());
  }

  /** The patches of an image. */
  public PatchTokens patches(Path image) {
    Map<String, Tensor> tensors = tensors(image, Kind.PATCHES);
    Tensor norms = tensors.get("norms");
    return new PatchTokens(
        Math.toIntExact(norms.shape().get(0)),
        Math.toIntExact(norms.shape().get(1)),
        tensors.get("patches").values(),
        norms.values());
  }

  /**
   * The normalised pixels of an image, patch after patch, [rows x columns, 3 x side x side], each
   * patch as planes; not kept on disk.
   */
  public float[] pixels(Path image) {
    Image.Planes planes = planes(image, bytes(image));
    int side = model.config().patch();
    int rows = planes.height() / side;
    int columns = planes.width() / side;
    float[] patches = new float[rows * columns * 3 * side * side];
    int next = 0;
    for (int patch = 0; patch < rows * columns; patch++) {
      int corner = patch / columns * side * planes.width() + patch % columns * side;
      for (int line = 0; line < 3 * side; line++) {
        int y = line / side * planes.height() + line % side;
        System.arraycopy(planes.samples(), corner + y * planes.width(), patches, next, side);
        next += side;
      }
    }
    return patches;
  }

  /** SHA-256 of an image file, in hexadecimal. */
  public String content(Path image) {
    return contents.computeIfAbsent(image, file -> sha256(bytes(file)));
  }

  private Map<String, Tensor> tensors(Path image, Kind kind) {
    Path file = file(content(image), kind);
    return TensorFile.read(file)
        .filter(tensors -> fits(tensors, kind))
        .orElseGet(() -> computed(image, kind));
  }

  private Path file(String content, Kind kind) {
    String name = kind == Kind.SUMMARY ? "summary" : "patches";
    return folder.resolve(content + "." + name + ".safetensors");
  }

  /** Whether a file holds what it should: somebody else may have written it. */
  private boolean fits(Map<String, Tensor> tensors, Kind kind) {
    long width = model.config().width();
    return switch (kind) {
      case SUMMARY ->
          tensors.keySet().containsAll(List.of("cls", "mean", "registers"))
              && tensors.get("cls").shape().equals(List.of(width))
              && tensors.get("mean").shape().equals(List.of(width))
              && tensors
                  .get("registers")
                  .shape()
                  .equals(List.of((long) model.config().registers(), width));
      case PATCHES ->
          tensors.keySet().containsAll(List.of("patches", "norms"))
              && tensors.get("norms").shape().size() == 2
              && tensors.get("patches").values().length
                  == width * tensors.get("norms").values().length;
    };
  }

  private Map<String, Tensor> computed(Path image, Kind kind) {
    byte[] bytes = bytes(image);
    Image.Planes planes = planes(image, bytes);
    Map<String, Tensor> tensors =
        switch (kind) {
          case SUMMARY -> summary(features(image, planes, SUMMARY));
          case PATCHES -> patches(features(image, planes, PATCHES), planes);
        };
    TensorFile.write(file(sha256(bytes), kind), tensors);
    return tensors;
  }

  private Features features(Path image, Image.Planes planes, FeatureRequest request) {
    try {
      return model.features(planes, request);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(image + ": " + e.getMessage(), e);
    }
  }

  private static Map<String, Tensor> summary(Features features) {
    return Map.of(
        "cls", Tensor.of(features, Feature.CLS),
        "mean", Tensor.of(features, Feature.EMBEDDING),
        "registers", Tensor.of(features, Feature.REGISTERS));
  }

  private Map<String, Tensor> patches(Features features, Image.Planes planes) {
    long rows = planes.height() / model.config().patch();
    long columns = planes.width() / model.config().patch();
    int width = model.config().width();
    float[] norms = TokenStatistics.norms(features.get(Feature.PRENORM_TOKENS), width);
    return Map.of(
        "patches",
        new Tensor(List.of(rows, columns, (long) width), features.get(Feature.PATCHES)),
        "norms",
        new Tensor(
            List.of(rows, columns),
            Arrays.copyOfRange(norms, model.config().prefix(), norms.length)));
  }

  /** The normalised planes that the model would make itself, had it this preprocessing. */
  private Image.Planes planes(Path file, byte[] bytes) {
    if (!(Image.decode(bytes, file.toString(), decoding) instanceof Image.Rgb photograph)) {
      throw new ImageException(file + ": expected a decoder that gives 8-bit RGB");
    }
    return Preprocessor.planes(photograph, preprocessing);
  }

  private static byte[] bytes(Path image) {
    try {
      return Files.readAllBytes(image);
    } catch (IOException e) {
      throw new ImageException("cannot read " + image + ": " + OutputPath.reason(e), e);
    }
  }

  private static long size(Path image) {
    try {
      return Files.size(image);
    } catch (IOException e) {
      throw new ImageException("cannot read " + image + ": " + OutputPath.reason(e), e);
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
