package dev.fovea.cli;

import dev.fovea.FoveaException;
import dev.fovea.checkpoint.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A directory of files, which appear when all of them are there, or not at all. Each is written at
 * once, under a partial name, so that many files need no memory.
 */
final class OutputFolder implements AutoCloseable {

  private final Path directory;
  private final List<Path> made = new ArrayList<>();
  private final List<AtomicFile> files = new ArrayList<>();

  private OutputFolder(Path directory) {
    this.directory = directory;
  }

  /**
   * Makes the directory if it is not there, and those above it: before the work, which would be
   * lost if it could not be done.
   */
  static OutputFolder open(Path directory) throws IOException {
    OutputFolder folder = new OutputFolder(directory);
    try {
      folder.make(directory.toAbsolutePath());
      if (!Files.isWritable(directory)) {
        throw new FoveaException("cannot write to " + directory + ": permission denied");
      }
      return folder;
    } catch (IOException | RuntimeException e) {
      folder.close();
      throw e;
    }
  }

  private void make(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      return;
    }
    if (Files.exists(path)) {
      throw new FoveaException("expected a directory, " + path + " is a file: choose another");
    }
    make(path.getParent());
    Files.createDirectory(path);
    made.addFirst(path);
  }

  /** Writes a file; returns its path, where it is after {@link #commit()}. */
  Path write(String name, byte[] content) throws IOException {
    Path path = directory.resolve(name);
    AtomicFile file = AtomicFile.create(path);
    files.add(file);
    file.write(ByteBuffer.wrap(content));
    file.finish();
    return path;
  }

  /** Gives all files their names. */
  void commit() throws IOException {
    for (AtomicFile file : files) {
      file.commit();
    }
  }

  @Override
  public void close() throws IOException {
    for (AtomicFile file : files) {
      file.close();
    }
    made.forEach(path -> path.toFile().delete()); // stays if there is something in it
  }
}
