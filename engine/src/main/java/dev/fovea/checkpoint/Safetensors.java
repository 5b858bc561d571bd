package dev.fovea.checkpoint;

import dev.fovea.CheckpointException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Opens checkpoints in the safetensors format, checking everything that the official library
 * checks.
 *
 * @see <a href="https://github.com/huggingface/safetensors">the format</a>
 */
public final class Safetensors {

  /** The file of a checkpoint that is in one piece. */
  static final String SINGLE = "model.safetensors";

  /** The file that says which tensor is in which shard. */
  static final String INDEX = "model.safetensors.index.json";

  private Safetensors() {}

  /**
   * Opens a safetensors file, an index file ("*.index.json") with its shards beside it, or a
   * directory with {@code model.safetensors} or {@code model.safetensors.index.json}.
   *
   * <p>Files are mapped into memory, so opening is quick and files of any size do; a file must not
   * be changed in place while it is open.
   *
   * @throws CheckpointException if there is no such file, or it is not complete and valid
   */
  public static Checkpoint open(Path fileOrDirectory) {
    if (!Files.isDirectory(fileOrDirectory)) {
      return fileOrDirectory.toString().endsWith(".index.json")
          ? ShardedCheckpoint.open(fileOrDirectory)
          : SafetensorsFile.map(fileOrDirectory);
    }
    Path single = fileOrDirectory.resolve(SINGLE);
    if (Files.exists(single)) {
      return SafetensorsFile.map(single);
    }
    Path index = fileOrDirectory.resolve(INDEX);
    if (Files.exists(index)) {
      return ShardedCheckpoint.open(index);
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
