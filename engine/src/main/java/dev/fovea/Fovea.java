package dev.fovea;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import dev.fovea.hub.Hub;
import dev.fovea.kernels.DeviceLostException;
import dev.fovea.kernels.DeviceProvider;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * A Vision Transformer, ready to embed images.
 *
 * <pre>{@code
 * try (Fovea model = Fovea.open("facebook/dinov2-with-registers-small")) {
 *   float[] embedding = model.embed(Image.read(Path.of("cat.jpg")));
 * }
 * }</pre>
 *
 * <p>Immutable and safe for any number of threads, virtual ones included. Images are prepared on
 * the calling threads (those of a list, while a GPU computes, on the common pool's as well);
 * forward passes run one after another, each with all of the model's threads. The same image gives
 * the same bits whatever the number of threads, the batch and its place in it, as long as the
 * device is the same.
 *
 * <p>A device that is not the CPU can be lost: a driver is reset, a GPU fails. A request then ends
 * with a {@link DeviceLostException}, and so does every later one, until the model is opened again.
 * Where the device has no room for a batch, its images are run in smaller ones; an image that it
 * has no room for ends with an {@link OutOfMemoryError}, and smaller ones still work. With {@link
 * Options#withDevice "auto"} the model goes on with the CPU instead.
 */
public final class Fovea implements AutoCloseable {

  private static final Pattern HUB_NAME =
      Pattern.compile("[\\w-][\\w.-]*/[\\w.-]+(?<!\\.(safetensors|json|pth|pt))");

  private final String source;
  private final VitConfig config;
  private final Registers registers;
  private final Fingerprint fingerprint;
  private final Preprocessing preprocessing;
  private final FeatureRequest embedding;
  private final Session session;

  private Fovea(VitWeights weights, Placement placement, Options options) {
    this.source = weights.source();
    this.registers = options.registers() == null ? weights.registers() : options.registers();
    this.fingerprint = weights.fingerprint();
    RegisterEdits edits = new RegisterEdits(registers, weights.config());
    edits.check(fingerprint);
    this.config = edits.config();
    this.preprocessing =
        options.preprocessing() == null ? weights.preprocessing() : options.preprocessing();
    this.embedding = FeatureRequest.embedding(options.pooling(), options.normalize());
    VisionTransformer placed = placement.place(weights);
    this.session = new Session(edits, fingerprint, placed, preprocessing, placement);
    if (options.backgroundWarmUp()) {
      session.warmUpInBackground(embedding);
    }
  }

  /**
   * Opens a model with the default options.
   *
   * @param model a safetensors file, a directory with one (or with shards), a hub name such as
   *     {@code facebook/dinov2-with-registers-small}, or {@code
   *     synthetic:{small,base,large,giant,tiny,tiny-swiglu}[-regR][@SEED]}
   * @throws CheckpointException if the weights are damaged, incomplete or of another kind of model
   * @throws HubException if a hub name is neither cached nor can be fetched
   */
  public static Fovea open(String model) {
    return open(model, Options.DEFAULT);
  }

  /**
   * Opens a model.
   *
   * @param model as for {@link #open(String)}
   * @throws CheckpointException if the weights are damaged, incomplete or of another kind of model
   * @throws HubException if a hub name is neither cached nor can be fetched
   * @throws IllegalArgumentException if the options name kernels that there are not
   * @throws IllegalStateException if the device or the kernels that the options name cannot run
   *     here
   */
  public static Fovea open(String model, Options options) {
    return open(weights(model, options), options);
  }

  /**
   * Opens a model from a file or a directory.
   *
   * @throws CheckpointException if the weights are damaged, incomplete or of another kind of model
   * @throws IllegalArgumentException if the options name kernels that there are not
   * @throws IllegalStateException if the device or the kernels that the options name cannot run
   *     here
   */
  public static Fovea open(Path model, Options options) {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(options, "options");
    return open(() -> VitWeights.open(model, options.positionPolicy()), options);
  }

  /**
   * Opens a model from weights that somebody else reads: the door for other modules of Fovea, such
   * as the converter, which runs a .pth file through it. Applications have files converted.
   *
   * @param weights opens them; asked once, and again each time that the device is lost and another
   *     takes its place. What it gives is read and closed here; the options' position policy is its
   *     own business
   * @throws CheckpointException if they cannot be read, or the options' storage cannot hold them
   * @throws IllegalArgumentException if the options name kernels that there are not
   * @throws IllegalStateException if the device or the kernels that the options name cannot run
   *     here
   */
  public static Fovea open(Supplier<VitWeights> weights, Options options) {
    return open(weights, options, Placement.installed());
  }

  /** As {@link #open(Supplier, Options)}, with other devices than those that are installed. */
  static Fovea open(Supplier<VitWeights> source, Options options, List<DeviceProvider> devices) {
    Placement placement = new Placement(source, options, devices);
    placement.rehearse();
    try (VitWeights weights = source.get()) {
      return new Fovea(weights, placement, options);
    }
  }

  /** What a name means now, so that it cannot mean something else later. */
  private static Supplier<VitWeights> weights(String model, Options options) {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(options, "options");
    if (model.isBlank()) {
      throw new CheckpointException(
          "the model's name is empty: expected a file, a directory or a hub name (owner/name)");
    }
    PositionPolicy policy = options.positionPolicy();
    if (model.startsWith(SyntheticCheckpoint.SCHEME)) {
      return () -> VitWeights.of(new SyntheticCheckpoint(model), null, null, policy);
    }
    Path path = Path.of(model);
    if (Files.exists(path)) {
      return () -> VitWeights.open(path, policy);
    }
    if (HUB_NAME.matcher(model).matches()) {
      Path snapshot = Hub.fromEnvironment().resolve(model, "main", options.progress());
      return () -> VitWeights.open(snapshot, policy);
    }
    throw new CheckpointException(
        "no model '"
            + model
            + "': it is not a file or directory here, not a hub name (owner/name) and not"
            + " synthetic:...");
  }

  /** What the model is, with as many registers as there are in the sequence. */
  public VitConfig config() {
    return config;
  }

  /** What the model is with the registers that it was trained with. */
  public VitConfig trainedConfig() {
    return session.config();
  }

  /** What stands in the place of registers where a request does not say. */
  public Registers registers() {
    return registers;
  }

  /** What tells the model from others. */
  public Fingerprint fingerprint() {
    return fingerprint;
  }

  /** What is done to images before the model sees them. */
  public Preprocessing preprocessing() {
    return preprocessing;
  }

  /** Where the weights came from. */
  public String source() {
    return source;
  }

  /** What the model runs on now, in one line. */
  public String device() {
    return session.device();
  }

  /** Length of an embedding. */
  public int embeddingLength() {
    return embedding.embeddingLength(config.width());
  }

  /**
   * Embeds an image.
   *
   * @return the embedding that the options ask for: [{@link #embeddingLength}]
   * @throws ImageException if resizing would make the image larger than an array
   * @throws IllegalArgumentException if the size does not fit the model, or a normalised plane
   *     holds a value that is not finite
   * @throws IllegalStateException after {@link #close}
   */
  public float[] embed(Image image) {
    float[] result = new float[embeddingLength()];
    embed(image, MemorySegment.ofArray(result));
    return result;
  }

  /**
   * Embeds an image into memory of the caller's; allocates nothing where the image before had the
   * same size, and else a few hundred bytes.
   *
   * @param target receives {@link #embeddingLength} native-order floats
   * @throws ImageException as {@link #embed(Image)}
   * @throws IllegalArgumentException if the size does not fit the model, a normalised plane holds a
   *     value that is not finite, or the target is too small
   * @throws IllegalStateException after {@link #close}
   */
  public void embed(Image image, MemorySegment target) {
    session.run(image, embedding, target);
  }

  /**
   * Embeds images, several at a time.
   *
   * @return their embeddings in the same order
   * @throws ImageException as {@link #embed(Image)}
   * @throws IllegalArgumentException as {@link #embed(Image)}
   * @throws IllegalStateException after {@link #close}
   */
  public List<float[]> embedAll(List<Image> images) {
    return featuresAll(images, embedding).stream()
        .map(features -> features.get(Feature.EMBEDDING))
        .toList();
  }

  /**
   * Where the features of an image will lie in memory.
   *
   * @param image an image of the size in question; its pixels are not looked at
   * @throws IllegalArgumentException if the size does not fit the model, or the request names a
   *     block that the model has not
   */
  public FeatureLayout layout(Image image, FeatureRequest request) {
    return session.layout(image, request);
  }

  /**
   * Computes features of an image.
   *
   * @throws ImageException as {@link #embed(Image)}
   * @throws IllegalArgumentException as {@link #embed(Image)}, or if the request names a block that
   *     the model has not, or they are more than one array holds
   * @throws IllegalStateException after {@link #close}
   */
  public Features features(Image image, FeatureRequest request) {
    return featuresAll(List.of(image), request).getFirst();
  }

  /**
   * Computes features of an image into memory of the caller's.
   *
   * @param target at least {@link FeatureLayout#bytes} of {@link #layout}
   * @throws IllegalArgumentException as {@link #features(Image, FeatureRequest)}, or if the target
   *     is too small
   * @throws IllegalStateException after {@link #close}
   */
  public Features features(Image image, FeatureRequest request, MemorySegment target) {
    return new Features(session.run(image, request, target), target);
  }

  /**
   * Computes features of images, several at a time.
   *
   * @return their features in the same order
   * @throws IllegalArgumentException as {@link #features(Image, FeatureRequest)}
   * @throws IllegalStateException after {@link #close}
   */
  public List<Features> featuresAll(List<Image> images, FeatureRequest request) {
    return session.runAll(images, request);
  }

  /**
   * Runs the model on blank images until its kernels are compiled, so that the first request does
   * not wait for the compiler. Takes about a second, more for models whose forward pass takes that
   * long; meant for a readiness probe. {@link Options#withBackgroundWarmUp} does it without anybody
   * waiting.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public void warmUp() {
    session.warmUp(embedding);
  }

  /**
   * Ends the model's threads and frees its memory, after the forward pass that is running; a
   * warm-up ends there, too. Later (and waiting) requests fail with an {@link
   * IllegalStateException}. Idempotent.
   */
  @Override
  public void close() {
    session.close();
  }

  @Override
  public String toString() {
    return "Fovea[" + source + ", " + device() + "]";
  }
}
