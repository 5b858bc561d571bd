package dev.fovea;

import dev.fovea.checkpoint.VitWeights;

/** Where the tensors of a network come from when it is packed, by their canonical names. */
interface WeightSource {

  /** The number of elements of a tensor. */
  int elements(String name);

  /** Fills an array of that length with the tensor, in row-major order. Called by any thread. */
  void read(String name, float[] target);

  /** The tensors of a checkpoint. */
  static WeightSource of(VitWeights weights) {
    return new WeightSource() {
      @Override
      public int elements(String name) {
        return Math.toIntExact(weights.tensors().get(name).elements());
      }

      @Override
      public void read(String name, float[] target) {
        weights.read(name, 0, target, 0, target.length);
      }
    };
  }
}
