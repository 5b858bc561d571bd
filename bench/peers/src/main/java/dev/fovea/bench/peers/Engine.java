package dev.fovea.bench.peers;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** What is compared. */
enum Engine {
  /** Ours. */
  FOVEA("Fovea"),
  /** ONNX Runtime's own Java binding. */
  ONNXRUNTIME("ONNX Runtime"),
  /** LibTorch through DJL. */
  LIBTORCH("LibTorch");

  private final String title;

  Engine(String title) {
    this.title = title;
  }

  /** The name in tables and plots. */
  String title() {
    return title;
  }

  /** The name in JSON. */
  @JsonValue
  String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
