package dev.fovea.bench.peers;

import java.util.List;

/** Rows for tests of what is made of them. */
final class Rows {

  private Rows() {}

  static Row row(Engine engine, String model, int threads, double medianMs) {
    return new Row(
        engine,
        model,
        224,
        threads,
        1,
        Output.CLS,
        0.9 * medianMs,
        medianMs,
        1.1 * medianMs,
        1000 / medianMs,
        500,
        100,
        engine == Engine.FOVEA ? 0 : 1e-6);
  }

  /** Two configurations: in one ONNX Runtime is the faster peer, in the other LibTorch. */
  static List<Row> two() {
    return List.of(
        row(Engine.FOVEA, "small", 1, 50),
        row(Engine.ONNXRUNTIME, "small", 1, 65),
        row(Engine.LIBTORCH, "small", 1, 70),
        row(Engine.FOVEA, "small", 2, 25),
        row(Engine.ONNXRUNTIME, "small", 2, 40),
        row(Engine.LIBTORCH, "small", 2, 30));
  }
}
