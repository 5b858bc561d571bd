package dev.fovea.bench.peers;

/** A model that has been loaded by one of the engines, and its input, ready in Java memory. */
interface Runner extends AutoCloseable {

  /** One forward pass: from floats in Java memory to floats in Java memory. */
  void run();

  /** What the last {@link #run} gave, for comparison. */
  float[] result();

  /** Which version of the engine this is. */
  String version();

  @Override
  void close();
}
