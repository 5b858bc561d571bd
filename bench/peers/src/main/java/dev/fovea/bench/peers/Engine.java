package dev.fovea.bench.peers;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.ArrayList;
import java.util.List;
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

  /**
   * What a service that cares for its start and its memory would say to the JVM; measured, see
   * bench/JOURNAL.md. What is good for one is given to all: a collector without threads beside the
   * work, and a small young generation. Only Fovea's kernels are compiled by the JVM, so only they
   * have a threshold.
   */
  List<String> jvmFlags() {
    List<String> flags = new ArrayList<>(List.of("-XX:+UseSerialGC", "-Xmn8m"));
    if (this == FOVEA) {
      flags.addAll(
          List.of(
              "-XX:CompileCommand=quiet",
              "-XX:CompileCommand=CompileThresholdScaling,dev.fovea.kernels.cpu.vector.*::*,0.1"));
    }
    return flags;
  }

  /** The name in JSON. */
  @JsonValue
  String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
