package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that appears under its name when it is complete, or not at all: it is written beside its
 * place, synced, and renamed. What has the name already stays until then.
 */
public final class AtomicFile implements AutoCloseable {

  private final Path target;
  private final Path partial;
  private final FileChannel channel;

  private AtomicFile(Path target, Path partial, FileChannel channel) {
    this.target = target;
    this.partial = partial;
    this.channel = channel;
  }

  /**
   * Starts to write a file; {@link #commit} gives it its name.
   *
   * @throws CheckpointException if it cannot be written there
   */
  public static AtomicFile create(Path target) {
    Path file = OutputPath.resolve(target);
    Path partial = OutputPath.partial(file);
    try {
      FileChannel channel =
          FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      return new AtomicFile(file, partial, channel);
    } catch (IOException e) {
      throw new CheckpointException("cannot write " + target + ": " + OutputPath.reason(e), e);
    }
  }

  /** Where to write, at any position. */
  public FileChannel channel() {
    return channel;
  }

  /** Writes all bytes at the channel's position. */
  public void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Ends writing: as many files as one likes may wait for {@link #commit} then. */
  public void finish() throws IOException {
    if (channel.isOpen()) {
      channel.force(true);
      channel.close();
    }
  }

  /** Replaces what has the target's name. */
  public void commit() throws IOException {
    finish();
    Files.move(
        partial, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    syncDirectory();
  }

  /** Makes the rename durable. Not every system can open a directory; there it is left to it. */
  private void syncDirectory() {
    try (FileChannel directory = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    } catch (IOException e) {
      // The file is complete under its name; only a power failure right now could undo the rename.
    }
  }

  /** Leaves nothing behind of a file that was not committed. */
  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(partial);
  }
}
