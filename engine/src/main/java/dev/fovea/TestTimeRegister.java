package dev.fovea;

import dev.fovea.checkpoint.RegistersFile;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * A register for a model that was not trained with it: one more token, zero at first and without a
 * position, behind CLS and the model's own registers. In every MLP it takes over what some hidden
 * neurons do to other tokens, so that those do not become outliers.
 *
 * @param neurons at least one, each of them once
 * @param form what the register gets
 * @param model whose neurons they are; null where nobody knows
 * @see <a href="https://arxiv.org/abs/2506.08010">Vision Transformers Don't Need Trained
 *     Registers</a>
 */
public record TestTimeRegister(List<RegisterNeuron> neurons, Form form, Fingerprint model)
    implements Registers {

  /** What the register gets of the neurons of one block. */
  public enum Form {
    /**
     * Of every neuron the largest activation among the image's tokens, which all other tokens lose:
     * as the paper has it.
     */
    PAPER,
    /**
     * Of every neuron the same: the one activation of all these neurons and tokens of the image
     * that is farthest from zero. All tokens but CLS lose theirs. The published code does so, of
     * the first image of a batch; here it is each image's own.
     */
    REPO
  }

  /** Copies the neurons and checks that there are some, each of them once. */
  public TestTimeRegister {
    neurons = List.copyOf(neurons);
    Objects.requireNonNull(form, "form");
    check(neurons);
  }

  static void check(List<RegisterNeuron> neurons) {
    if (neurons.isEmpty()) {
      throw new IllegalArgumentException("expected at least one register neuron, got none");
    }
    Set<List<Integer>> distinct = new HashSet<>();
    for (RegisterNeuron neuron : neurons) {
      if (!distinct.add(List.of(neuron.block(), neuron.index()))) {
        throw new IllegalArgumentException(
            "neuron %d of block %d is listed twice".formatted(neuron.index(), neuron.block()));
      }
    }
  }

  @Override
  public String description() {
    return "test-time register of %d %s, %s form"
        .formatted(
            neurons.size(),
            neurons.size() == 1 ? "neuron" : "neurons",
            form == Form.PAPER ? "paper" : "repo");
  }

  /**
   * Writes it as JSON; {@link Registers#read} reads that. It appears complete or not at all.
   *
   * @throws CheckpointException if the file cannot be written
   */
  public void write(Path file) {
    RegistersFile.write(file, this);
  }
}
