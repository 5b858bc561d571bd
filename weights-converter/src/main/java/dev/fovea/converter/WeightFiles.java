package dev.fovea.converter;

import dev.fovea.CheckpointException;
import dev.fovea.PositionPolicy;
import dev.fovea.ProgressListener;
import dev.fovea.checkpoint.Checkpoint;
import dev.fovea.checkpoint.OutputPath;
import dev.fovea.checkpoint.Safetensors;
import dev.fovea.checkpoint.VitWeights;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/** The one door to weights on disk, in every format and layout that there is. */
public final class WeightFiles {

  private static final int BUFFER_BYTES = 1 << 20;

  private WeightFiles() {}

  /**
   * Opens weights with the position policy of their origin.
   *
   * @see #open(Path, PositionPolicy)
   */
  public static VitWeights open(Path source) {
    return open(source, null);
  }

  /**
   * Opens a {@code .pth} file, a safetensors file or index, or a Hugging Face directory with its
   * {@code config.json} and {@code preprocessor_config.json}. Files are told apart by their first
   * bytes.
   *
   * @param policy how position embeddings are resampled, whatever the origin says; may be null
   * @throws CheckpointException if it cannot be read, is damaged, or is not a model that can run
   */
  public static VitWeights open(Path source, PositionPolicy policy) {
    if (!isPth(source)) {
      return VitWeights.open(source, policy);
    }
    Checkpoint checkpoint = PthCheckpoint.open(source);
    try {
      return VitWeights.of(checkpoint, null, null, policy);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  /**
   * Opens the tensors in a file or a directory, whatever they are.
   *
   * @throws CheckpointException if it cannot be read, or is damaged
   */
  public static Checkpoint tensors(Path source) {
    return isPth(source) ? PthCheckpoint.open(source) : Safetensors.open(source);
  }

  /**
   * SHA-256 of the weights in hexadecimal: of the file, or of all shards one after another in the
   * order of their names, as {@code cat *.safetensors | sha256sum} prints it.
   *
   * @throws CheckpointException if they cannot be read
   */
  public static String sha256(Path source, ProgressListener listener) {
    Objects.requireNonNull(listener, "listener");
    List<Path> files = Safetensors.files(source);
    MessageDigest digest = newDigest();
    try {
      long total = 0;
      for (Path file : files) {
        total += Files.size(file);
      }
      String task = "hashing " + source.toAbsolutePath().getFileName();
      long done = 0;
      long reported = 0;
      byte[] buffer = new byte[BUFFER_BYTES];
      for (Path file : files) {
        try (InputStream in = Files.newInputStream(file)) {
          for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
            digest.update(buffer, 0, count);
            done += count;
            if (done - reported > total / 100) {
              reported = done;
              listener.progress(task, done, total);
            }
          }
        }
      }
      listener.progress(task, done, total);
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + source + ": " + OutputPath.reason(e), e);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static boolean isPth(Path source) {
    if (Files.isDirectory(source)) {
      return false;
    }
    if (Files.exists(source) && !Files.isRegularFile(source)) { // opening a pipe would wait
      throw new CheckpointException("cannot read " + source + ": not a file");
    }
    try (InputStream in = Files.newInputStream(source)) {
      String name = source.toString();
      return PthCheckpoint.recognises(in.readNBytes(512))
          || name.endsWith(".pth")
          || name.endsWith(".pt");
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + source + ": " + OutputPath.reason(e), e);
    }
  }

  private static MessageDigest newDigest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
