package dev.fovea.probes;

import dev.fovea.CheckpointException;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.converter.WeightFiles;
import dev.fovea.kernels.Pooling;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A linear classifier on top of DINOv2, as it is published: on one layer, [CLS; mean of the
 * patches], or on four, [CLS of the last four blocks; mean of the patches], everything after the
 * final LayerNorm. Registers are not in the mean: the published heads were trained so, though some
 * versions of Hugging Face's code average them in.
 */
public final class ClassificationHead {

  /** What comes before {@code weight} and {@code bias}: in heads, Hugging Face and torch.hub. */
  private static final List<String> PREFIXES = List.of("", "classifier.", "linear_head.", "head.");

  /** Blocks whose CLS the larger head reads. */
  private static final int FOUR = 4;

  private final LinearMap linear;
  private final List<String> labels;
  private final VitConfig config;
  private final FeatureRequest request;

  private ClassificationHead(LinearMap linear, List<String> labels, VitConfig config) {
    this.linear = linear;
    this.labels = labels;
    this.config = config;
    this.request = request(linear.inputs() / config.width(), config.depth());
  }

  private static FeatureRequest request(int tokens, int depth) {
    return tokens == 2
        ? FeatureRequest.embedding(Pooling.CLS_MEAN, false)
        : FeatureRequest.embedding(Pooling.MEAN, false)
            .withBlockCls(IntStream.range(depth - FOUR, depth).toArray());
  }

  /**
   * Reads a head: a {@code .pth} or safetensors file with {@code weight} and {@code bias}, or a
   * whole model with a head, such as Hugging Face's {@code ...-imagenet1k-1-layer}. The {@code
   * config.json} in a directory names its classes.
   *
   * @param config of the model that the head is for
   * @throws CheckpointException if it cannot be read, is damaged, has no head, or one for a model
   *     of another width
   */
  public static ClassificationHead open(Path source, VitConfig config) {
    ClassificationHead head;
    try (Checkpoint tensors = WeightFiles.tensors(source)) {
      head = of(tensors, config);
    }
    Path json = source.resolve("config.json");
    return Files.isDirectory(source) && Files.exists(json)
        ? head.withLabels(Labels.read(json))
        : head;
  }

  /**
   * The head in a checkpoint, which is not needed afterwards.
   *
   * @throws CheckpointException if it has no head, or one for a model of another width
   */
  private static ClassificationHead of(Checkpoint tensors, VitConfig config) {
    String source = tensors.source();
    TensorInfo weight = find(tensors);
    String biasName = weight.name().replaceFirst("weight$", "bias");
    TensorInfo bias = tensors.tensors().get(biasName);
    if (bias == null
        || weight.shape().size() != 2
        || !bias.shape().equals(weight.shape().subList(0, 1))) {
      throw new CheckpointException(
          String.format(
              "%s: expected %s [classes, inputs] and %s [classes], got %s and %s",
              source,
              weight.name(),
              biasName,
              weight.shape(),
              bias == null ? "none" : bias.shape()));
    }
    check(weight, config, source);
    LinearMap linear =
        new LinearMap(
            Math.toIntExact(weight.shape().get(1)), read(tensors, weight), read(tensors, bias));
    return new ClassificationHead(linear, numbers(linear.outputs()), config);
  }

  private static TensorInfo find(Checkpoint tensors) {
    return PREFIXES.stream()
        .map(prefix -> tensors.tensors().get(prefix + "weight"))
        .filter(weight -> weight != null)
        .findFirst()
        .orElseThrow(
            () ->
                new CheckpointException(
                    tensors.source()
                        + ": expected a classification head, found no tensor "
                        + PREFIXES.stream()
                            .map(prefix -> prefix + "weight")
                            .collect(Collectors.joining(", "))
                        + "; name the file of a head"));
  }

  private static void check(TensorInfo weight, VitConfig config, String source) {
    long width = config.width();
    long inputs = weight.shape().get(1);
    boolean four = inputs == (FOUR + 1) * width;
    if (weight.shape().getFirst() < 1 || (inputs != 2 * width && !four)) {
      throw new CheckpointException(
          String.format(
              "%s: a head for this model of width %d has %d inputs (1 layer) or %d (4 layers), this"
                  + " one is %s; is it the head of another model?",
              source, width, 2 * width, (FOUR + 1) * width, weight.shape()));
    }
    if (four && config.depth() < FOUR) {
      throw new CheckpointException(
          source + ": a head on four blocks, but the model has only " + config.depth());
    }
  }

  private static float[] read(Checkpoint tensors, TensorInfo info) {
    float[] values = new float[Math.toIntExact(info.elements())];
    tensors.read(info.name(), 0, values, 0, values.length);
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new CheckpointException(
            tensors.source()
                + ", tensor "
                + info.name()
                + ": expected finite weights, got "
                + value
                + "; the file is damaged");
      }
    }
    return values;
  }

  private static List<String> numbers(int count) {
    return IntStream.range(0, count).mapToObj(String::valueOf).toList();
  }

  /**
   * The same head with names of its classes.
   *
   * @throws CheckpointException if there are not as many as classes
   */
  public ClassificationHead withLabels(List<String> names) {
    if (names.size() != linear.outputs()) {
      throw new CheckpointException(
          "the head has " + linear.outputs() + " classes, got " + names.size() + " names of them");
    }
    return new ClassificationHead(linear, List.copyOf(names), config);
  }

  /** Names of the classes; their numbers where names are not known. */
  public List<String> labels() {
    return labels;
  }

  /** What the head needs of a forward pass. */
  public FeatureRequest request() {
    return request;
  }

  /** Blocks whose CLS the head reads: 1 or 4. */
  public int layers() {
    return linear.inputs() / config.width() - 1;
  }

  /**
   * Classifies an image.
   *
   * @param k how many classes are wanted
   * @return the likeliest classes, best first; of equal ones the lower number first
   * @throws IllegalArgumentException if {@code k} is not positive, or the image or the model does
   *     not fit
   */
  public List<Prediction> classify(Fovea model, Image image, int k) {
    if (!model.trainedConfig().equals(config)) {
      throw new IllegalArgumentException(
          "the head is for " + config + ", the model is " + model.trainedConfig());
    }
    return top(logits(model.features(image, request)), k);
  }

  /** The outputs for features of {@link #request}, [classes]. */
  public double[] logits(Features features) {
    float[] mean = features.get(Feature.EMBEDDING);
    if (linear.inputs() == mean.length) {
      return linear.apply(mean);
    }
    float[] input = Arrays.copyOf(features.get(Feature.BLOCK_CLS), linear.inputs());
    System.arraycopy(mean, 0, input, FOUR * mean.length, mean.length);
    return linear.apply(input);
  }

  private List<Prediction> top(double[] logits, int k) {
    if (k < 1) {
      throw new IllegalArgumentException("expected a positive number of classes, got " + k);
    }
    double largest = Arrays.stream(logits).max().getAsDouble();
    double sum = Arrays.stream(logits).map(logit -> Math.exp(logit - largest)).sum();
    return IntStream.range(0, logits.length)
        .mapToObj(
            i -> new Prediction(i, labels.get(i), logits[i], Math.exp(logits[i] - largest) / sum))
        .sorted(Comparator.comparingDouble(Prediction::logit).reversed())
        .limit(k)
        .toList();
  }
}
