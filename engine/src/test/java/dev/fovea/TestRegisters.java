package dev.fovea;

import dev.fovea.checkpoint.SyntheticCheckpoint;
import dev.fovea.checkpoint.VitWeights;
import java.util.List;

/** What tests put in the place of registers, of models "tiny". */
final class TestRegisters {

  /** Of the models. */
  static final int WIDTH = 128;

  /** Of both blocks, in no order. */
  static final List<RegisterNeuron> NEURONS =
      List.of(
          new RegisterNeuron(1, 300),
          new RegisterNeuron(0, 3),
          new RegisterNeuron(1, 5),
          new RegisterNeuron(0, 343),
          new RegisterNeuron(0, 0));

  private TestRegisters() {}

  /** For all neurons. */
  static TestTimeRegister register(TestTimeRegister.Form form) {
    return new TestTimeRegister(NEURONS, form, null);
  }

  /** For all neurons, with any constants. */
  static AttentionBias bias() {
    return new AttentionBias(
        NEURONS,
        new float[][] {uniform("k0", WIDTH), uniform("k1", WIDTH)},
        new float[][] {uniform("v0", WIDTH), uniform("v1", WIDTH)},
        null);
  }

  /** A square image of uniform numbers. */
  static Image.Planes image(int seed, int side) {
    float[] samples = SyntheticCheckpoint.uniform("image", seed, 3 * side * side);
    return (Image.Planes) Image.planes(side, side, samples);
  }

  static float[] uniform(String name, int count) {
    return SyntheticCheckpoint.uniform(name, 1, count);
  }

  static VitWeights weights(String model) {
    return VitWeights.of(new SyntheticCheckpoint("synthetic:" + model), null, null, null);
  }
}
