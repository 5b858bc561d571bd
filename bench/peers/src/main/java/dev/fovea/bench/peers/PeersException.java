package dev.fovea.bench.peers;

/** The comparison cannot go on; the message says why. */
final class PeersException extends RuntimeException {

  PeersException(String message) {
    super(message);
  }

  PeersException(String message, Throwable cause) {
    super(message, cause);
  }
}
