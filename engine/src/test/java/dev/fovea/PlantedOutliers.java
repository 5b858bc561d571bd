package dev.fovea;

import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import java.util.Map;
import java.util.SortedMap;

/**
 * A model without registers in which one neuron makes outliers of the two flat patches of an image,
 * 19 and 44, which come out with a norm of 432 (all others stay below 20): {@code
 * synthetic:tiny@101}, and other weights for neuron 37 of block 1.
 */
public final class PlantedOutliers implements Checkpoint {

  private static final String FOLDER = "tiny-outlier-reg0/";
  private static final int NEURON = 37;
  private static final int WIDTH = 128;
  private static final int HIDDEN = 512;

  private final Checkpoint base = new SyntheticCheckpoint("synthetic:tiny@101");

  private PlantedOutliers() {}

  /** The model. */
  public static Fovea open() {
    return open(Options.DEFAULT.withThreads(1));
  }

  /** The model, opened with other options. */
  public static Fovea open(Options options) {
    return Fovea.open(() -> VitWeights.of(new PlantedOutliers(), null, null, null), options);
  }

  /** The image, and what the reference makes of it. */
  public static Checkpoint golden() {
    return Golden.open(FOLDER + "golden.safetensors");
  }

  /** The image with the two flat patches. */
  public static Image image() {
    try (Checkpoint golden = golden()) {
      return Golden.image(golden);
    }
  }

  @Override
  public String source() {
    return "planted outliers";
  }

  @Override
  public SortedMap<String, TensorInfo> tensors() {
    return base.tensors();
  }

  @Override
  public Map<String, String> metadata() {
    return base.metadata();
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    int elements = Math.toIntExact(base.tensor(name).elements());
    float[] values = new float[elements];
    base.read(name, 0, values, 0, elements);
    try (Checkpoint planted = Golden.open(FOLDER + "planted.safetensors")) {
      switch (name) {
        case "blocks.1.mlp.fc1.bias" -> values[NEURON] = Golden.read(planted, "fc1.bias")[0];
        case "blocks.1.mlp.fc1.weight" ->
            System.arraycopy(Golden.read(planted, "fc1.weight"), 0, values, NEURON * WIDTH, WIDTH);
        case "blocks.1.mlp.fc2.weight" -> {
          float[] column = Golden.read(planted, "fc2.weight");
          for (int i = 0; i < WIDTH; i++) {
            values[i * HIDDEN + NEURON] = column[i];
          }
        }
        default -> {} // all other weights are those of the formula
      }
    }
    System.arraycopy(values, Math.toIntExact(first), target, offset, count);
  }

  @Override
  public void close() {
    base.close();
  }
}
