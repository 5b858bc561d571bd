package dev.fovea;

import dev.fovea.checkpoint.RegistersFile;
import java.nio.file.Path;

/**
 * What stands in the place of registers while a model runs: its own, a part of them, something else
 * in them, or a register that it was never trained with. Chosen for a model ({@link
 * Options#withRegisters}) or for one request ({@link FeatureRequest#withRegisters}).
 */
public sealed interface Registers
    permits Registers.AsTrained,
        Registers.First,
        Registers.Zeroed,
        RegisterContents,
        TestTimeRegister,
        AttentionBias {

  /** The model as it was trained, with its registers if it has any. */
  static Registers asTrained() {
    return new AsTrained();
  }

  /** The model as it was trained. */
  record AsTrained() implements Registers {
    @Override
    public String description() {
      return "as trained";
    }
  }

  /**
   * The first registers only; the others are not in the sequence.
   *
   * @param count how many; 0 to drop them all
   */
  record First(int count) implements Registers {
    /** Checks that the number is not negative. */
    public First {
      if (count < 0) {
        throw new IllegalArgumentException("the number of registers must not be " + count);
      }
    }

    @Override
    public String description() {
      return count == 0 ? "all dropped" : "the first " + count;
    }
  }

  /**
   * Zeros in the place of all registers after every block. They still take part in attention.
   *
   * @see <a href="https://arxiv.org/abs/2604.14433">Zero-Ablation Overstates Register Content
   *     Dependence in DINO Vision Transformers</a>
   */
  record Zeroed() implements Registers {
    @Override
    public String description() {
      return "zero after every block";
    }
  }

  /** What it is, in a few words. */
  String description();

  /**
   * Checks that it is for a model.
   *
   * @param trained the model as it was trained
   * @throws IllegalArgumentException if it is not
   */
  default void check(VitConfig trained, Fingerprint model) {
    new RegisterEdits(this, trained).check(model);
  }

  /**
   * Reads a {@link TestTimeRegister} (JSON) or an {@link AttentionBias} (safetensors).
   *
   * @throws CheckpointException if the file cannot be read, is damaged or something else
   */
  static Registers read(Path file) {
    return RegistersFile.read(file);
  }
}
