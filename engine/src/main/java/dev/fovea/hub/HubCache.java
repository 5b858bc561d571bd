package dev.fovea.hub;

import dev.fovea.HubException;
import dev.fovea.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * One model's part of the cache, laid out as {@code huggingface_hub} does, so that both use the
 * same files: {@code blobs/ETAG} hold the contents, {@code snapshots/COMMIT/NAME} are links to
 * them, {@code refs/REVISION} hold a commit, {@code .no_exist/COMMIT/NAME} mark files that the
 * model has not.
 */
final class HubCache {

  static final String CONFIG = "config.json";
  static final String PREPROCESSOR = "preprocessor_config.json";

  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  private final Path root;
  private final String folder;

  /** The part of the model {@code owner/name} in the cache at {@code root}. */
  HubCache(Path root, String model) {
    this.root = root;
    this.folder = "models--" + model.replace("/", "--");
  }

  private Path model() {
    return root.resolve(folder);
  }

  Path blob(String etag) {
    return model().resolve("blobs").resolve(etag);
  }

  /**
   * Where a blob is while it arrives. Not the name that {@code huggingface_hub} uses, which holds
   * another kind of lock meanwhile: both may fetch the same blob, and neither spoils the other's.
   */
  Path part(String etag) {
    return model().resolve("blobs").resolve(etag + ".fovea.incomplete");
  }

  Path lock(String etag) {
    return root.resolve(".locks").resolve(folder).resolve(etag + ".lock");
  }

  Path snapshot(String commit) {
    return model().resolve("snapshots").resolve(commit);
  }

  /** The snapshot of a revision, if it holds all of the model that there is. */
  Optional<Path> complete(String revision) {
    return commit(revision).filter(this::knowsPreprocessor).flatMap(this::runnable);
  }

  /** The same if only the preprocessor's file may be missing, as other programs leave a model. */
  Optional<Path> runnable(String revision) {
    return commit(revision).map(this::snapshot).filter(HubCache::isRunnable);
  }

  private Optional<String> commit(String revision) {
    if (COMMIT.matcher(revision).matches()) {
      return Optional.of(revision);
    }
    try {
      String commit = Files.readString(model().resolve("refs").resolve(revision)).strip();
      return COMMIT.matcher(commit).matches() ? Optional.of(commit) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // Never downloaded, or not readable: then it is fetched.
    }
  }

  private boolean knowsPreprocessor(String commit) {
    return Files.isRegularFile(snapshot(commit).resolve(PREPROCESSOR))
        || Files.exists(missingMark(commit, PREPROCESSOR));
  }

  private static boolean isRunnable(Path snapshot) {
    if (!Files.isRegularFile(snapshot.resolve(CONFIG))) {
      return false;
    }
    Path index = snapshot.resolve(Safetensors.INDEX);
    return Files.isRegularFile(snapshot.resolve(Safetensors.SINGLE))
        || (Files.isRegularFile(index)
            && Safetensors.shards(index).stream()
                .allMatch(shard -> Files.isRegularFile(snapshot.resolve(shard))));
  }

  /** Makes a blob visible under its name in a snapshot. */
  void link(RemoteFile file) throws IOException {
    Path link = snapshot(file.commit()).resolve(file.name());
    Path blob = blob(file.etag());
    Files.createDirectories(link.getParent());
    if (Files.exists(link) && Files.isSameFile(link, blob)) {
      return;
    }
    Path fresh = temporary(link);
    try {
      Files.createSymbolicLink(fresh, link.getParent().relativize(blob));
    } catch (UnsupportedOperationException | FileSystemException e) {
      copy(blob, fresh); // Windows without the privilege, or a file system without links.
    }
    Files.move(fresh, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** What {@link #link} does where links are impossible. */
  static void copy(Path blob, Path target) throws IOException {
    Files.copy(blob, target, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Remembers that a commit has no file of this name. */
  void markMissing(String commit, String name) throws IOException {
    Path mark = missingMark(commit, name);
    Files.createDirectories(mark.getParent());
    try {
      Files.createFile(mark);
    } catch (FileAlreadyExistsException e) {
      return; // As it should be.
    }
  }

  private Path missingMark(String commit, String name) {
    return model().resolve(".no_exist").resolve(commit).resolve(name);
  }

  /** Lets a revision stand for a commit; done last, when the snapshot is complete. */
  void point(String revision, String commit) throws IOException {
    if (revision.equals(commit)) {
      return;
    }
    Path ref = model().resolve("refs").resolve(revision);
    Files.createDirectories(ref.getParent());
    Path fresh = temporary(ref);
    Files.writeString(fresh, commit);
    Files.move(fresh, ref, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static Path temporary(Path target) {
    long process = ProcessHandle.current().pid();
    long thread = Thread.currentThread().threadId();
    return target.resolveSibling(
        "." + target.getFileName() + "." + process + "." + thread + ".partial");
  }

  /** The exception for a cache that cannot be written. */
  HubException unwritable(IOException cause) {
    return new HubException(
        "cannot write to "
            + model()
            + " ("
            + cause
            + "): free or allow the space, or name another folder in HF_HUB_CACHE",
        cause);
  }
}
