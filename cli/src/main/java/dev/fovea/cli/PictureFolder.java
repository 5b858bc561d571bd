package dev.fovea.cli;

import dev.fovea.FoveaException;
import dev.fovea.checkpoint.AtomicFile;
import dev.fovea.plots.Picture;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * A directory of pictures, which appear when all of them are there, or not at all. Each is written
 * when it is drawn, under a partial name, so that pictures of many images need no memory.
 */
final class PictureFolder implements AutoCloseable {

  private final Path directory;
  private final List<Picture.Format> formats;
  private final List<Path> made = new ArrayList<>();
  private final List<AtomicFile> files = new ArrayList<>();

  private PictureFolder(Path directory, List<Picture.Format> formats) {
    this.directory = directory;
    this.formats = formats;
  }

  /**
   * Makes the directory if it is not there, and those above it: before the work, which would be
   * lost if it could not be done.
   *
   * @param directory null if no pictures are wanted
   */
  static PictureFolder open(Path directory, List<Picture.Format> formats) throws IOException {
    PictureFolder folder = new PictureFolder(directory, formats);
    if (directory == null) {
      return folder;
    }
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
      throw new FoveaException(
          "expected a directory for pictures, " + path + " is a file: choose another");
    }
    make(path.getParent());
    Files.createDirectory(path);
    made.addFirst(path);
  }

  /**
   * Draws a picture, if pictures are wanted.
   *
   * @param name of its files, without extension
   */
  void draw(String name, Supplier<Picture> drawing) throws IOException {
    if (directory == null) {
      return;
    }
    Picture picture = drawing.get();
    for (Picture.Format format : formats) {
      AtomicFile file = AtomicFile.create(directory.resolve(name + "." + format.extension()));
      files.add(file);
      file.write(ByteBuffer.wrap(picture.encode(format)));
      file.finish();
    }
  }

  /** Gives all pictures their names. */
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
