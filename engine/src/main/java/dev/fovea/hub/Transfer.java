package dev.fovea.hub;

import dev.fovea.HubException;
import dev.fovea.ProgressListener;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;

/**
 * Writes the body of an answer to the file that collects a download, and gives up on a server that
 * falls silent.
 */
final class Transfer {

  private static final int CALLS = 200;

  private final RemoteFile file;
  private final ProgressListener progress;
  private final Duration patience;
  private volatile long received;

  Transfer(RemoteFile file, ProgressListener progress, Duration patience) {
    this.file = file;
    this.progress = progress;
    this.patience = patience;
  }

  /**
   * Writes a body from an offset on; what lay behind it is dropped.
   *
   * @throws PassingFailure if the body ends early, breaks off or stalls
   * @throws IOException if the file cannot be written
   */
  void write(InputStream body, Path part, long offset) throws IOException {
    Thread guard = Thread.ofVirtual().start(() -> closeWhenSilent(body));
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.truncate(offset).position(offset);
      long end = copy(body, channel, offset);
      channel.force(true);
      if (file.size() >= 0 && end != file.size()) {
        throw new PassingFailure("broke off after " + end + " of " + file.size() + " bytes");
      }
    } finally {
      guard.interrupt();
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // Only this thread counts; the guard looks on.
  private long copy(InputStream body, FileChannel channel, long offset) throws IOException {
    byte[] buffer = new byte[1 << 16];
    long done = offset;
    long step = Math.max(1 << 20, file.size() / CALLS);
    long next = done;
    for (int n = read(body, buffer); n >= 0; n = read(body, buffer)) {
      if (file.size() >= 0 && done + n > file.size()) {
        throw new HubException(
            file.uri() + ": expected " + file.size() + " bytes, the server sends more");
      }
      for (ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, n); bytes.hasRemaining(); ) {
        channel.write(bytes);
      }
      done += n;
      received += n;
      if (done >= next || done == file.size()) {
        progress.progress(file.name(), done, file.size());
        next = done + step;
      }
    }
    return done;
  }

  private static int read(InputStream body, byte[] buffer) throws PassingFailure {
    try {
      return body.read(buffer);
    } catch (IOException e) {
      throw new PassingFailure(e);
    }
  }

  /** A body has no time-out of its own; closing it from outside ends a read that waits for it. */
  private void closeWhenSilent(InputStream body) {
    try {
      for (long before = -1; before != received; ) {
        before = received;
        Thread.sleep(patience);
      }
      body.close();
    } catch (InterruptedException | IOException e) {
      return; // The transfer is over, one way or the other.
    }
  }
}
