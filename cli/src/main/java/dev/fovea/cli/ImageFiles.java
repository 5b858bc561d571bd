package dev.fovea.cli;

import dev.fovea.ImageException;
import dev.fovea.probes.ImageSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The images that a command is given: files as they are, directories by extension. */
final class ImageFiles {

  @Parameters(
      arity = "1..*",
      paramLabel = "IMAGE",
      description = "Image files, or directories of them.")
  private List<Path> paths;

  @Option(
      names = {"-r", "--recursive"},
      description = "Also the directories in directories.")
  private boolean recursive;

  /**
   * Refuses to replace an image by what is made of it.
   *
   * @throws ImageException if the file to be written is the image
   */
  static void refuseToReplace(Path image, Path out) throws IOException {
    if (Files.exists(out) && Files.exists(image) && Files.isSameFile(image, out)) {
      throw new ImageException(out + " is the image itself: write to another file");
    }
  }

  /** Whether there can only be one, because a single file is named. */
  boolean isSingle() {
    return paths.size() == 1 && !Files.isDirectory(paths.getFirst());
  }

  /**
   * The files, in order.
   *
   * @throws ImageException if there are none
   */
  List<Path> list() throws IOException {
    return list(paths, recursive);
  }

  /**
   * The files in order; those of a directory sorted by name, with the directories in it only if
   * asked for.
   *
   * @throws ImageException if there are none
   */
  static List<Path> list(List<Path> paths, boolean recursive) throws IOException {
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
    if (files.isEmpty()) {
      throw new ImageException(
          "no images in "
              + paths
              + (recursive ? "" : "; --recursive looks into the directories in them, too"));
    }
    return files;
  }
}
