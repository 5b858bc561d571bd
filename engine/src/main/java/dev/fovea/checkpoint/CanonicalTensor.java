package dev.fovea.checkpoint;

import java.util.List;

/**
 * A tensor under its canonical name, and what it is made of.
 *
 * @param parts runs of elements that follow each other
 */
record CanonicalTensor(TensorInfo info, List<Part> parts) {

  /**
   * All elements of a tensor of the checkpoint, or zeros.
   *
   * @param source name in the checkpoint; null for zeros
   */
  record Part(String source, long elements) {}
}
