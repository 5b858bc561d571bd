package dev.fovea.cli;

import dev.fovea.plots.Picture;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;

/**
 * Pictures in an {@link OutputFolder}, each written when it is drawn; or none, if none are wanted.
 */
final class PictureFolder implements AutoCloseable {

  /** Null if no pictures are wanted. */
  private final OutputFolder folder;

  private final List<Picture.Format> formats;

  private PictureFolder(OutputFolder folder, List<Picture.Format> formats) {
    this.folder = folder;
    this.formats = formats;
  }

  /**
   * Opens the directory, before the work.
   *
   * @param directory null if no pictures are wanted
   */
  static PictureFolder open(Path directory, List<Picture.Format> formats) throws IOException {
    return new PictureFolder(directory == null ? null : OutputFolder.open(directory), formats);
  }

  /**
   * Draws a picture, if pictures are wanted.
   *
   * @param name of its files, without extension
   */
  void draw(String name, Supplier<Picture> drawing) throws IOException {
    if (folder == null) {
      return;
    }
    Picture picture = drawing.get();
    for (Picture.Format format : formats) {
      folder.write(name + "." + format.extension(), picture.encode(format));
    }
  }

  /** Gives all pictures their names. */
  void commit() throws IOException {
    if (folder != null) {
      folder.commit();
    }
  }

  @Override
  public void close() throws IOException {
    if (folder != null) {
      folder.close();
    }
  }
}
