package dev.fovea.bench.peers;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** The form in which ONNX Runtime is given the network. */
enum OnnxForm {
  /** The graph that an exporter gives, weights inside, optimised when it is loaded. */
  EXPORTED,
  /** The fused operators that were found to be fastest, optimised and packed beforehand. */
  FUSED;

  /** The name in tables and plots. */
  String title() {
    return Engine.ONNXRUNTIME.title() + ", " + id() + " graph";
  }

  /** The name in JSON and on the command line. */
  @JsonValue
  String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** For the command line's help. */
  @Override
  public String toString() {
    return id();
  }
}
