package dev.fovea.analysis;

import dev.fovea.AttentionBias;
import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Features;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.RegisterContents;
import dev.fovea.Registers;
import dev.fovea.TestTimeRegister;
import java.util.Arrays;
import java.util.function.Function;

/** What registers hold on average, to be put in their place. */
public final class RegisterMeans {

  private RegisterMeans() {}

  /**
   * The mean key and value of a test-time register in every block.
   *
   * @param images iterated over once; the paper took 1000
   * @throws IllegalArgumentException if there are no images, or the register is another model's
   */
  public static AttentionBias attentionBias(
      Fovea model, Iterable<Image> images, TestTimeRegister register) {
    int width = model.config().width();
    FeatureRequest request =
        FeatureRequest.of(Feature.REGISTER_KEYS_VALUES).withRegisters(register);
    float[][] both =
        mean(
            model,
            images,
            request,
            features -> {
              // The test-time register is behind the model's own.
              int registers = features.layout().prefix() - 1;
              float[] all = features.get(Feature.REGISTER_KEYS_VALUES);
              return rows(all, registers * 2 * width, (registers - 1) * 2 * width, 2 * width);
            });
    return new AttentionBias(
        register.neurons(), columns(both, 0, width), columns(both, width, width), register.model());
  }

  /**
   * The mean of the registers that a model was trained with, after every block.
   *
   * @param images iterated over once; a single one for what the registers hold there
   * @throws IllegalArgumentException if there are no images, or the model has no registers
   */
  public static RegisterContents contents(Fovea model, Iterable<Image> images) {
    int width = model.config().width();
    FeatureRequest request =
        FeatureRequest.of(Feature.REGISTERS)
            .withAllBlocks(model.config().depth())
            .withRegisters(Registers.asTrained());
    return new RegisterContents(
        mean(
            model,
            images,
            request,
            features -> {
              int tokens = features.layout().shape(Feature.BLOCKS)[1];
              int registers = features.layout().prefix() - 1;
              if (registers == 0) {
                throw new IllegalArgumentException("the model has no registers to look at");
              }
              float[] all = features.get(Feature.BLOCKS);
              return rows(all, tokens * width, width, registers * width);
            }));
  }

  /** The mean over images of what there is of every block, [blocks, elements]. */
  private static float[][] mean(
      Fovea model,
      Iterable<Image> images,
      FeatureRequest request,
      Function<Features, float[][]> ofImage) {
    double[][] sums = null;
    int count = 0;
    for (Image image : images) {
      float[][] blocks = ofImage.apply(model.features(image, request));
      sums = sums == null ? new double[blocks.length][blocks[0].length] : sums;
      for (int block = 0; block < blocks.length; block++) {
        for (int i = 0; i < blocks[block].length; i++) {
          sums[block][i] += blocks[block][i];
        }
      }
      count++;
    }
    if (sums == null) {
      throw new IllegalArgumentException("a mean needs at least one image");
    }
    float[][] means = new float[sums.length][sums[0].length];
    for (int block = 0; block < sums.length; block++) {
      for (int i = 0; i < means[block].length; i++) {
        means[block][i] = (float) (sums[block][i] / count);
      }
    }
    return means;
  }

  /** Of every run of {@code size} elements, {@code count} from {@code first} on. */
  private static float[][] rows(float[] all, int size, int first, int count) {
    float[][] rows = new float[all.length / size][];
    Arrays.setAll(rows, i -> Arrays.copyOfRange(all, i * size + first, i * size + first + count));
    return rows;
  }

  private static float[][] columns(float[][] rows, int first, int count) {
    return Arrays.stream(rows)
        .map(row -> Arrays.copyOfRange(row, first, first + count))
        .toArray(float[][]::new);
  }
}
