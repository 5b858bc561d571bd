package dev.fovea;

import dev.fovea.checkpoint.RegistersFile;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The part that a test-time register plays in attention, without the token: in every block one more
 * key and value, the same for every image. The register neurons are off in all tokens.
 *
 * <p>Attention rows of a model with it do not add up to 1: the rest is the constant's.
 *
 * <p>Make one and keep it: two are never equal.
 *
 * @see <a href="https://arxiv.org/abs/2506.08010">Vision Transformers Don't Need Trained
 *     Registers</a>
 */
public final class AttentionBias implements Registers {

  private final List<RegisterNeuron> neurons;
  private final float[][] keys;
  private final float[][] values;
  private final Fingerprint model;

  /**
   * Copies its arguments.
   *
   * @param neurons at least one, each of them once
   * @param keys for every block, the heads' keys side by side: [blocks, width]
   * @param values for every block, the heads' values side by side: [blocks, width]
   * @param model whose they are; null where nobody knows
   * @throws IllegalArgumentException if there are no neurons or blocks, keys and values are not as
   *     many, or not finite
   */
  public AttentionBias(
      List<RegisterNeuron> neurons, float[][] keys, float[][] values, Fingerprint model) {
    this.neurons = List.copyOf(neurons);
    this.keys = copy("keys", keys);
    this.values = copy("values", values);
    this.model = model;
    TestTimeRegister.check(neurons);
    if (keys.length == 0 || keys.length != values.length) {
      throw new IllegalArgumentException(
          "expected a key and a value for every block, got %d keys and %d values"
              .formatted(keys.length, values.length));
    }
  }

  /** A copy of finite numbers, a row for each block. */
  static float[][] copy(String what, float[][] rows) {
    float[][] copies = new float[rows.length][];
    for (int block = 0; block < rows.length; block++) {
      copies[block] = rows[block].clone();
      for (float element : copies[block]) {
        if (!Float.isFinite(element)) {
          throw new IllegalArgumentException(
              "%s of block %d must be finite, got %s".formatted(what, block, element));
        }
      }
    }
    return copies;
  }

  /** The neurons that are off. */
  public List<RegisterNeuron> neurons() {
    return neurons;
  }

  /** Whose they are; null where nobody knows. */
  public Fingerprint model() {
    return model;
  }

  /** Blocks that it has a key and a value for. */
  public int blocks() {
    return keys.length;
  }

  /** The key of a block, head after head. */
  public float[] key(int block) {
    return keys[block].clone();
  }

  /** The value of a block, head after head. */
  public float[] value(int block) {
    return values[block].clone();
  }

  /** Whether it is for so many blocks of this width. */
  boolean fits(int depth, int width) {
    return keys.length == depth
        && Arrays.stream(keys).allMatch(key -> key.length == width)
        && Arrays.stream(values).allMatch(value -> value.length == width);
  }

  @Override
  public String description() {
    return "attention bias in the place of %d %s"
        .formatted(neurons.size(), neurons.size() == 1 ? "neuron" : "neurons");
  }

  /** Tells it from others by its contents. */
  @Override
  public String toString() {
    return "AttentionBias[%s, %08x, %08x, %s]"
        .formatted(neurons, Arrays.deepHashCode(keys), Arrays.deepHashCode(values), model);
  }

  /**
   * Writes it as a safetensors file; {@link Registers#read} reads that. It appears complete or not
   * at all.
   *
   * @throws CheckpointException if the file cannot be written
   */
  public void write(Path file) {
    RegistersFile.write(file, this);
  }
}
