package dev.fovea.cli;

import dev.fovea.probes.ImageSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Finds the images that a command is given: files as they are, directories by extension. */
final class ImageFiles {

  private ImageFiles() {}

  /**
   * The files in order; those of a directory sorted by name, with the directories in it only if
   * asked for.
   */
  static List<Path> expand(List<Path> paths, boolean recursive) throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path path : paths) {
      if (Files.isDirectory(path)) {
        try (Stream<Path> found = Files.walk(path, recursive ? Integer.MAX_VALUE : 1)) {
          found.filter(ImageSet::isImage).filter(Files::isRegularFile).sorted().forEach(files::add);
        }
      } else {
        files.add(path);
      }
    }
    return files;
  }
}
