package dev.fovea.converter;

import dev.fovea.CheckpointException;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.Registers;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.converter.Verification.Deviation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs a model on the image of a golden file and compares what comes out with what the reference
 * implementation gave: {@code image} [3, H, W], already normalised, and any of {@code tokens_norm}
 * and {@code tokens_prenorm} [N, D], {@code blocks} [L, N, D], {@code attention_last} [heads, N, N]
 * and {@code key_last} [N, D].
 */
final class Golden {

  /** Relative L2 error allowed where position embeddings are used as they are stored. */
  private static final double NATIVE_TOLERANCE = 2e-6;

  /** Relative L2 error allowed where they are resampled. */
  private static final double TOLERANCE = 5e-6;

  private static final String IMAGE = "image";

  private static final Map<String, Feature> FEATURES = new LinkedHashMap<>();

  static {
    FEATURES.put("tokens_norm", Feature.TOKENS);
    FEATURES.put("tokens_prenorm", Feature.PRENORM_TOKENS);
    FEATURES.put("blocks", Feature.BLOCKS);
    FEATURES.put("attention_last", Feature.ATTENTION);
    FEATURES.put("key_last", Feature.KEYS);
  }

  private Golden() {}

  /**
   * Compares a model's outputs with a golden file.
   *
   * @throws CheckpointException if the file is no golden file, or does not fit the model
   */
  static List<Deviation> compare(Path artifact, Path golden) {
    try (Checkpoint file = Safetensors.open(golden);
        Fovea model = Fovea.open(artifact, Options.DEFAULT)) {
      List<String> names =
          FEATURES.keySet().stream().filter(name -> file.tensors().containsKey(name)).toList();
      if (names.isEmpty()) {
        throw new CheckpointException(
            golden + " is no golden file: expected one of " + FEATURES.keySet());
      }
      Image image = image(file);
      Features features = run(model, image, names);
      int side = model.config().grid() * model.config().patch();
      boolean stored = image.width() == side && image.height() == side;
      List<Deviation> deviations = new ArrayList<>();
      for (String name : names) {
        float[] expected = read(file, name);
        float[] actual = features.get(FEATURES.get(name));
        if (actual.length != expected.length) {
          throw new CheckpointException(
              "%s does not fit the model: %s has shape %s, the model gives %d elements"
                  .formatted(golden, name, file.tensors().get(name).shape(), actual.length));
        }
        double error = relativeError(actual, expected);
        deviations.add(new Deviation(name, error, stored ? NATIVE_TOLERANCE : TOLERANCE));
      }
      return deviations;
    }
  }

  private static Features run(Fovea model, Image image, List<String> names) {
    List<Feature> wanted =
        names.stream().map(FEATURES::get).filter(feature -> feature != Feature.BLOCKS).toList();
    FeatureRequest request =
        FeatureRequest.of(Feature.TOKENS, wanted.toArray(Feature[]::new))
            .withRegisters(Registers.asTrained());
    return model.features(
        image, names.contains("blocks") ? request.withAllBlocks(model.config().depth()) : request);
  }

  private static Image image(Checkpoint file) {
    TensorInfo info = file.tensors().get(IMAGE);
    boolean planes =
        info != null
            && info.shape().size() == 3
            && info.shape().getFirst() == 3
            && info.elements() > 0;
    if (!planes) {
      throw new CheckpointException(
          file.source() + " is no golden file: expected a tensor image of shape [3, H, W]");
    }
    float[] samples = read(file, IMAGE);
    return Image.planes(info.shape().get(2).intValue(), info.shape().get(1).intValue(), samples);
  }

  private static float[] read(Checkpoint file, String name) {
    long elements = file.tensors().get(name).elements();
    if (elements > Integer.MAX_VALUE - 8) {
      throw new CheckpointException(
          "%s: %s has %d elements, too many to compare".formatted(file.source(), name, elements));
    }
    float[] values = new float[(int) elements];
    file.read(name, 0, values, 0, values.length);
    return values;
  }

  /** ||actual - expected|| / ||expected||; NaN if a value is. */
  private static double relativeError(float[] actual, float[] expected) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      double delta = (double) actual[i] - expected[i];
      difference += delta * delta;
      norm += (double) expected[i] * expected[i];
    }
    return Math.sqrt(difference / norm);
  }
}
