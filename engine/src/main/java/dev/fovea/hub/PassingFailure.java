package dev.fovea.hub;

import java.io.IOException;
import java.time.Duration;

/** The network's failures, which may pass: no connection, a broken one, a busy server. */
final class PassingFailure extends IOException {
  private static final long serialVersionUID = 1;

  private final transient Duration pause;

  PassingFailure(String message) {
    this(message, Duration.ZERO);
  }

  /** A failure after which the server asked for a pause. */
  PassingFailure(String message, Duration pause) {
    super(message);
    this.pause = pause;
  }

  PassingFailure(IOException cause) {
    super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    this.pause = Duration.ZERO;
  }

  Duration pause() {
    return pause;
  }
}
