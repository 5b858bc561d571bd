package dev.fovea.cli;

import dev.fovea.checkpoint.OutputPath;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** A file that appears under its name when it is complete, or not at all. */
final class AtomicFile implements AutoCloseable {

  private final Path target;
  private final Path partial;
  private final FileChannel channel;

  private AtomicFile(Path target, Path partial, FileChannel channel) {
    this.target = target;
    this.partial = partial;
    this.channel = channel;
  }

  /** Starts to write a file; {@link #commit} gives it its name. */
  static AtomicFile create(Path target) throws IOException {
    Path file = OutputPath.resolve(target);
    Path partial = OutputPath.partial(file);
    try {
      FileChannel channel =
          FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      return new AtomicFile(file, partial, channel);
    } catch (IOException e) {
      throw new IOException("cannot write " + target + ": " + OutputPath.reason(e), e);
    }
  }

  FileChannel channel() {
    return channel;
  }

  OutputStream stream() {
    return Channels.newOutputStream(channel);
  }

  /** Ends writing: as many files as one likes may wait for {@link #commit} then. */
  void finish() throws IOException {
    if (channel.isOpen()) {
      channel.force(true);
      channel.close();
    }
  }

  /** Replaces what has the target's name. */
  void commit() throws IOException {
    finish();
    Files.move(
        partial, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(partial);
  }
}
