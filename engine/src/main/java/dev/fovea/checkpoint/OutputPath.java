package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.UUID;

/** What files that appear by renaming have in common: where they go, and why they cannot. */
public final class OutputPath {

  private OutputPath() {}

  /**
   * The file that a new one may replace, links followed: renaming onto a link would put the file in
   * the link's place, and onto a device such as {@code /dev/null} in the device's.
   *
   * @return an absolute path in a directory that exists
   * @throws CheckpointException if the target is a directory, a device or a pipe, or is in no
   *     directory
   */
  public static Path resolve(Path target) {
    if (target.toString().isEmpty() || target.getFileName() == null || Files.isDirectory(target)) {
      throw refusal(target, "expected the name of a file");
    }
    if (Files.exists(target) && !Files.isRegularFile(target)) {
      throw refusal(target, "expected the name of a file, it is a device or a pipe");
    }
    Path absolute = target.toAbsolutePath();
    if (!Files.isDirectory(absolute.getParent())) {
      throw refusal(target, "there is no directory " + absolute.getParent());
    }
    try {
      return Files.exists(absolute) ? absolute.toRealPath() : absolute;
    } catch (IOException e) {
      throw new CheckpointException("cannot write " + target + ": " + reason(e), e);
    }
  }

  /**
   * A new name beside a file, for what will be renamed to it. Nothing is left under that name when
   * the JVM is stopped, short of a kill.
   */
  public static Path partial(Path file) {
    String name = "." + file.getFileName() + "." + UUID.randomUUID() + ".partial";
    Path partial = file.resolveSibling(name);
    if (partial.getFileSystem().equals(FileSystems.getDefault())) {
      partial.toFile().deleteOnExit();
    }
    return partial;
  }

  private static CheckpointException refusal(Path target, String reason) {
    return new CheckpointException("cannot write " + target + ": " + reason);
  }

  /** Why reading or writing failed, in words; the path is left to the caller. */
  public static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException missing -> "no such file";
      case AccessDeniedException denied -> "permission denied";
      default -> String.valueOf(e.getMessage());
    };
  }
}
