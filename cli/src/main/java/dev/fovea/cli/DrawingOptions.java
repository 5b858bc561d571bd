package dev.fovea.cli;

import dev.fovea.plots.Picture;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Option;

/** Where pictures go, and in which formats. */
final class DrawingOptions {

  @Option(
      names = {"-o", "--out"},
      paramLabel = "DIR",
      description =
          "A directory for pictures, made if it is not there; without it, none are drawn.")
  private Path directory;

  @Option(
      names = {"-f", "--format"},
      split = ",",
      defaultValue = "png",
      paramLabel = "FORMAT",
      description = "png (the default), svg, or png,svg.")
  private List<Picture.Format> formats;

  /** Whether there is something to draw for. */
  boolean wanted() {
    return directory != null;
  }

  /** Where the pictures are drawn, if they are wanted. */
  PictureFolder open() throws IOException {
    return PictureFolder.open(directory, formats);
  }

  /**
   * Names for pictures of these images: those of the files without extension, numbered where equal,
   * and never so that one looks like another file's.
   */
  static List<String> names(List<Path> images) {
    List<String> names =
        images.stream()
            .map(image -> image.getFileName().toString().replaceFirst("\\.[^.]+$", ""))
            .toList();
    Set<String> whole = new HashSet<>(names);
    Set<String> taken = new HashSet<>();
    return names.stream().map(name -> unique(name, whole, taken)).toList();
  }

  /** The name, or with the first number that makes it neither a whole name nor a taken one. */
  private static String unique(String name, Set<String> whole, Set<String> taken) {
    if (taken.add(name)) {
      return name;
    }
    int number = 2;
    while (whole.contains(name + "-" + number) || !taken.add(name + "-" + number)) {
      number++;
    }
    return name + "-" + number;
  }
}
