package dev.fovea.bench.peers;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** What a request asks for. */
enum Output {
  /** The finished CLS token of every image, [n, D]. */
  CLS,
  /** All finished tokens of every image, [n, N, D]. */
  TOKENS;

  /** The name in JSON and on worker command lines. */
  @JsonValue
  String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
