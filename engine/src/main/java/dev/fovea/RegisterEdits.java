package dev.fovea;

import dev.fovea.kernels.Columns;
import dev.fovea.kernels.Move;
import dev.fovea.kernels.Recorder;
import dev.fovea.kernels.Rows;
import dev.fovea.kernels.Tokens;
import java.util.List;

/**
 * What {@link Registers} change in the recording of a forward pass.
 *
 * @param registers the choice
 * @param trained the model as it was trained
 */
record RegisterEdits(Registers registers, VitConfig trained) {

  /** None. */
  static RegisterEdits none(VitConfig config) {
    return new RegisterEdits(Registers.asTrained(), config);
  }

  /** The model with as many register tokens as there are in the sequence. */
  VitConfig config() {
    return switch (registers) {
      case Registers.First first -> trained.withRegisters(first.count());
      case TestTimeRegister added -> trained.withRegisters(trained.registers() + 1);
      default -> trained;
    };
  }

  /**
   * Checks that the choice is for this model.
   *
   * @throws IllegalArgumentException if it is not
   */
  void check(Fingerprint model) {
    switch (registers) {
      case Registers.AsTrained asTrained -> {}
      case Registers.First first -> {
        if (first.count() > trained.registers()) {
          throw new IllegalArgumentException(
              "the first %d registers were asked for, the model has %d"
                  .formatted(first.count(), trained.registers()));
        }
      }
      case Registers.Zeroed zeroed -> checkThereAreSome();
      case RegisterContents contents -> {
        checkThereAreSome();
        int elements = trained.registers() * trained.width();
        check(
            contents.fits(trained.depth(), elements),
            "the contents of registers must be of %d blocks, %d elements each"
                .formatted(trained.depth(), elements));
      }
      case TestTimeRegister added -> check(added.model(), model, added.neurons());
      case AttentionBias bias -> {
        check(bias.model(), model, bias.neurons());
        check(
            bias.fits(trained.depth(), trained.width()),
            "the attention bias must be of %d blocks of width %d"
                .formatted(trained.depth(), trained.width()));
      }
    }
  }

  private static void check(boolean right, String expected) {
    if (!right) {
      throw new IllegalArgumentException(expected + "; these are not made for this model");
    }
  }

  private void checkThereAreSome() {
    if (trained.registers() == 0) {
      throw new IllegalArgumentException(
          "registers can only be replaced where there are some; the model has none");
    }
  }

  private void check(Fingerprint origin, Fingerprint model, List<RegisterNeuron> neurons) {
    if (origin != null && !origin.matches(model)) {
      throw new IllegalArgumentException(
          ("the register neurons were found in another model (%d blocks of width %d, %d hidden"
                  + " neurons; this one has %d, %d, %d%s): find them in this one")
              .formatted(
                  origin.depth(),
                  origin.width(),
                  origin.hidden(),
                  model.depth(),
                  model.width(),
                  model.hidden(),
                  sameSizes(origin, model) ? ", but other weights" : ""));
    }
    for (RegisterNeuron neuron : neurons) {
      if (neuron.block() >= trained.depth() || neuron.index() >= trained.hidden()) {
        throw new IllegalArgumentException(
            "neuron %d of block %d does not exist; the model has %d neurons in each of blocks 0 to %d"
                .formatted(neuron.index(), neuron.block(), trained.hidden(), trained.depth() - 1));
      }
    }
  }

  private static boolean sameSizes(Fingerprint a, Fingerprint b) {
    return a.depth() == b.depth() && a.width() == b.width() && a.hidden() == b.hidden();
  }

  /**
   * Rows of qkv and of the hidden layer beyond those of the tokens. An attention bias has its key
   * and value there, and leaves there what the neurons have done, where nobody reads it.
   */
  int spareRows() {
    return registers instanceof AttentionBias ? 1 : 0;
  }

  /** Whether the hidden layer of a block is needed of all tokens where it is of some. */
  boolean gathers(int block) {
    return registers instanceof TestTimeRegister added
        && columns(added.neurons(), block).length > 0;
  }

  /** Queries, keys and values are there, in the first rows. */
  void queriesKeysValues(Recorder recorder, int block, Tokens qkv) {
    if (registers instanceof AttentionBias bias) {
      Rows last = new Rows(qkv.rows() - 1, 1);
      int width = trained.width();
      recorder.write(bias.key(block), last, new Columns(width, width), qkv);
      recorder.write(bias.value(block), last, new Columns(2 * width, width), qkv);
    }
  }

  /** The hidden layer is there, and not yet read. */
  void hidden(Recorder recorder, int block, Tokens hidden) {
    switch (registers) {
      case TestTimeRegister added -> {
        Move move =
            switch (added.form()) {
              case PAPER -> Move.EACH_MAXIMUM;
              case REPO -> Move.LARGEST_MAGNITUDE;
            };
        move(recorder, hidden, columns(added.neurons(), block), trained.prefix(), move);
      }
      case AttentionBias bias -> {
        int[] columns = columns(bias.neurons(), block);
        move(recorder, hidden, columns, hidden.rows() - 1, Move.EACH_MAXIMUM);
      }
      default -> {}
    }
  }

  private static void move(Recorder recorder, Tokens hidden, int[] columns, int row, Move move) {
    if (columns.length > 0) {
      recorder.moveToRow(hidden, columns, row, move);
    }
  }

  private static int[] columns(List<RegisterNeuron> neurons, int block) {
    return neurons.stream()
        .filter(neuron -> neuron.block() == block)
        .mapToInt(RegisterNeuron::index)
        .toArray();
  }

  /** The block is done. */
  void tokens(Recorder recorder, int block, Tokens x) {
    switch (registers) {
      case Registers.Zeroed zeroed ->
          replace(recorder, new float[trained.registers() * trained.width()], x);
      case RegisterContents contents -> replace(recorder, contents.afterBlock(block), x);
      default -> {}
    }
  }

  private void replace(Recorder recorder, float[] contents, Tokens x) {
    recorder.write(contents, new Rows(1, trained.registers()), Columns.all(x), x);
  }
}
