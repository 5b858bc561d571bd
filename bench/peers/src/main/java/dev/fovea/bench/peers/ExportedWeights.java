package dev.fovea.bench.peers;

import dev.fovea.Feature;
import dev.fovea.FeatureRequest;
import dev.fovea.Fovea;
import dev.fovea.Image;
import dev.fovea.Options;
import dev.fovea.VitConfig;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.TensorInfo;
import dev.fovea.checkpoint.VitWeights;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Supplier;

/**
 * The weights of a model as an exporter for images of one size would write them: position
 * embeddings resampled, LayerScale folded into the layer before it, which saves the peers a pass
 * over the tokens.
 */
final class ExportedWeights implements AutoCloseable {

  /**
   * A linear layer.
   *
   * @param matrix [outputs, inputs]
   * @param bias [outputs]
   */
  record Linear(float[] matrix, float[] bias, int outputs, int inputs) {

    /** The matrix as [inputs, outputs]. */
    float[] transposed() {
      float[] result = new float[matrix.length];
      for (int output = 0; output < outputs; output++) {
        for (int input = 0; input < inputs; input++) {
          result[input * outputs + output] = matrix[output * inputs + input];
        }
      }
      return result;
    }

    /** The layer that gives {@code count} of the outputs from {@code first} on. */
    Linear rows(int first, int count) {
      return new Linear(
          Arrays.copyOfRange(matrix, first * inputs, (first + count) * inputs),
          Arrays.copyOfRange(bias, first, first + count),
          count,
          inputs);
    }
  }

  private final VitWeights weights;
  private final float[] table;

  /**
   * Opens an artifact.
   *
   * @throws IllegalArgumentException if its images cannot have that size, or the peers' networks
   *     are not written for such a model
   */
  ExportedWeights(Path artifact, int pixels) {
    weights = VitWeights.open(artifact);
    try {
      VitConfig config = weights.config();
      if (config.mlp() != VitConfig.Mlp.GELU) {
        throw new IllegalArgumentException(
            "the peers' networks are written for models with GELU; this one has " + config.mlp());
      }
      table = table(artifact, pixels);
    } catch (RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  /**
   * What the first block sees of an image whose patches project to nothing, and that is what
   * patches are added to. The engine says it itself: with zeros for the projection and for every
   * LayerScale, the tokens after its first block are those that went in.
   */
  private static float[] table(Path artifact, int pixels) {
    Supplier<VitWeights> blank =
        () -> VitWeights.of(new BlankPatches(Safetensors.open(artifact)), null, null, null);
    try (Fovea model = Fovea.open(blank, Options.DEFAULT)) {
      FeatureRequest request = FeatureRequest.of(Feature.EMBEDDING).withBlocks(0);
      Image image = Image.planes(pixels, pixels, new float[3 * pixels * pixels]);
      return model.features(image, request).get(Feature.BLOCKS);
    }
  }

  /** A checkpoint with zeros in the patch projection and in every LayerScale. */
  private record BlankPatches(Checkpoint checkpoint) implements Checkpoint {

    @Override
    public String source() {
      return checkpoint.source();
    }

    @Override
    public SortedMap<String, TensorInfo> tensors() {
      return checkpoint.tensors();
    }

    @Override
    public Map<String, String> metadata() {
      return checkpoint.metadata();
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      checkpoint.read(name, first, target, offset, count);
      if (name.startsWith("patch_embed.") || name.endsWith(".gamma")) {
        Arrays.fill(target, offset, offset + count, 0f);
      }
    }

    @Override
    public void close() {
      checkpoint.close();
    }
  }

  VitConfig config() {
    return weights.config();
  }

  /** A tensor by its canonical name. */
  float[] read(String name) {
    return weights.read(name);
  }

  /** CLS, with its position, and registers of every image of a batch: [batch, 1 + R, D]. */
  float[] prefix(int batch) {
    int length = config().prefix() * config().width();
    float[] result = new float[batch * length];
    for (int i = 0; i < batch; i++) {
      System.arraycopy(table, 0, result, i * length, length);
    }
    return result;
  }

  /** Positions of the patches: [P, D]. */
  float[] patchPositions() {
    return Arrays.copyOfRange(table, config().prefix() * config().width(), table.length);
  }

  /** A linear layer by its canonical name. */
  Linear linear(String name) {
    float[] bias = weights.read(name + ".bias");
    float[] matrix = weights.read(name + ".weight");
    return new Linear(matrix, bias, bias.length, matrix.length / bias.length);
  }

  /** A linear layer and the LayerScale that follows it. */
  Linear scaledLinear(String name, String scale) {
    Linear linear = linear(name);
    float[] gamma = weights.read(scale + ".gamma");
    for (int output = 0; output < linear.outputs; output++) {
      linear.bias[output] *= gamma[output];
      for (int input = 0; input < linear.inputs; input++) {
        linear.matrix[output * linear.inputs + input] *= gamma[output];
      }
    }
    return linear;
  }

  @Override
  public void close() {
    weights.close();
  }
}
