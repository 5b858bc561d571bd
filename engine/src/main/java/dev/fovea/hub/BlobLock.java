package dev.fovea.hub;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps other threads and other processes of Fovea off a blob while it is downloaded. A file lock
 * holds between processes only, hence the second lock inside this one; and on Linux it does not see
 * the one that Python's {@code filelock} takes, hence {@link HubCache#part}.
 */
final class BlobLock implements AutoCloseable {

  private static final ConcurrentMap<Path, ReentrantLock> IN_PROCESS = new ConcurrentHashMap<>();

  private final ReentrantLock lock;
  private final FileChannel channel;

  private BlobLock(ReentrantLock lock, FileChannel channel) {
    this.lock = lock;
    this.channel = channel;
  }

  /** Waits until nobody else holds the lock of this file, and takes it. */
  static BlobLock acquire(Path file) throws IOException {
    Path folder = Files.createDirectories(file.getParent()).toRealPath();
    ReentrantLock lock =
        IN_PROCESS.computeIfAbsent(folder.resolve(file.getFileName()), key -> new ReentrantLock());
    lock.lock();
    FileChannel channel = null;
    try {
      channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      channel.lock();
      return new BlobLock(lock, channel);
    } catch (IOException | RuntimeException e) {
      if (channel != null) {
        channel.close();
      }
      lock.unlock();
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      lock.unlock();
    }
  }
}
