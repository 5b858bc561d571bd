package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;

/**
 * Opens checkpoints in the safetensors format, checking everything that the official library
 * checks.
 *
 * @see <a href="https://github.com/huggingface/safetensors">the format</a>
 */
public final class Safetensors {

  /** The file of a checkpoint that is in one piece. */
  public static final String SINGLE = "model.safetensors";

  /** The file that says which tensor is in which shard. */
  public static final String INDEX = "model.safetensors.index.json";

  private Safetensors() {}

  /**
   * Opens a safetensors file, an index file ("*.index.json") with its shards beside it, or a
   * directory with {@code model.safetensors} or {@code model.safetensors.index.json}.
   *
   * <p>Tensors are mapped into memory while they are read, so opening is quick and files of any
   * size do; a file must not be changed in place while it is open.
   *
   * @throws CheckpointException if there is no such file, or it is not complete and valid
   */
  public static Checkpoint open(Path fileOrDirectory) {
    Path file = locate(fileOrDirectory);
    return isIndex(file) ? ShardedCheckpoint.open(file) : SafetensorsFile.open(file);
  }

  /**
   * The files that hold the tensors of what {@link #open} would open, in the order of their names.
   *
   * @throws CheckpointException if there is no such file, or an index is none
   */
  public static List<Path> files(Path fileOrDirectory) {
    Path file = locate(fileOrDirectory);
    return isIndex(file) ? shards(file).stream().map(file::resolveSibling).toList() : List.of(file);
  }

  /**
   * The bare names of the files that an index file names, in alphabetical order.
   *
   * @throws CheckpointException if it is no index, or names a file outside its own directory
   */
  public static SortedSet<String> shards(Path indexFile) {
    return ShardedCheckpoint.files(ShardedCheckpoint.index(indexFile));
  }

  private static boolean isIndex(Path file) {
    return file.toString().endsWith(".index.json");
  }

  private static Path locate(Path fileOrDirectory) {
    if (!Files.isDirectory(fileOrDirectory)) {
      return fileOrDirectory;
    }
    for (String name : List.of(SINGLE, INDEX)) {
      Path file = fileOrDirectory.resolve(name);
      if (Files.exists(file)) {
        return file;
      }
    }
    throw new CheckpointException(
        fileOrDirectory
            + ": expected "
            + SINGLE
            + " or "
            + INDEX
            + " in this directory, found neither; name the file itself if it is called otherwise");
  }
}
