package dev.fovea.cli;

import dev.fovea.plots.Picture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  /**
   * Writes pictures, each complete or not at all. They are drawn before the first is written.
   *
   * @param pictures by the names of their files, without extension
   */
  void write(Map<String, Picture> pictures) throws IOException {
    Map<String, byte[]> files = new LinkedHashMap<>();
    pictures.forEach(
        (name, picture) ->
            formats.forEach(
                format -> files.put(name + "." + format.extension(), picture.encode(format))));
    if (!Files.isDirectory(directory)) {
      Files.createDirectory(directory);
    }
    for (Map.Entry<String, byte[]> entry : files.entrySet()) {
      try (AtomicFile file = AtomicFile.create(directory.resolve(entry.getKey()))) {
        file.stream().write(entry.getValue());
        file.commit();
      }
    }
  }

  /**
   * Names for pictures of these images: those of the files without extension, numbered where equal.
   */
  static List<String> names(List<Path> images) {
    Set<String> taken = new HashSet<>();
    return images.stream()
        .map(
            image -> {
              String name = image.getFileName().toString().replaceFirst("\\.[^.]+$", "");
              String unique = name;
              for (int i = 2; !taken.add(unique); i++) {
                unique = name + "-" + i;
              }
              return unique;
            })
        .toList();
  }
}
