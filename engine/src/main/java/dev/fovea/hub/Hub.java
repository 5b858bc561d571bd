package dev.fovea.hub;

import dev.fovea.HubException;
import dev.fovea.ProgressListener;
import dev.fovea.checkpoint.Safetensors;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Models of the Hugging Face hub, by name. What the local cache holds is used as it is, without a
 * look at the network; what it lacks is downloaded into it, in the layout that {@code
 * huggingface_hub} uses.
 *
 * <p>Downloads resume after a break, are checked against the SHA-256 (small files: the Git object
 * id) that the server announces, and become visible only when they are whole. Any number of threads
 * and processes may resolve the same model at once.
 */
public final class Hub {

  private static final Pattern MODEL =
      Pattern.compile("(?!.*(\\.\\.|--))[\\w-][\\w.-]{0,95}/[\\w-][\\w.-]{0,95}");
  private static final Pattern REVISION =
      Pattern.compile("(?!.*(\\.\\.|//))[\\w-][\\w./-]{0,198}[\\w-]|\\w");

  private final HubSettings settings;

  Hub(HubSettings settings) {
    this.settings = settings;
  }

  /**
   * The hub as the environment describes it: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN and
   * HF_HUB_OFFLINE, as {@code huggingface_hub} reads them.
   *
   * @throws IllegalArgumentException if HF_ENDPOINT is not the address of a server
   */
  public static Hub fromEnvironment() {
    return new Hub(HubSettings.of(System.getenv(), Path.of(System.getProperty("user.home"))));
  }

  /** The folder that downloads go to. */
  public Path cache() {
    return settings.cache();
  }

  /** The server's address, or "offline" when HF_HUB_OFFLINE forbids its use. */
  public String server() {
    return settings.offline() ? "offline" : settings.endpoint().toString();
  }

  /**
   * A folder with a model's {@code config.json}, {@code preprocessor_config.json} if it has one,
   * and {@code model.safetensors} or its index and shards.
   *
   * @param model {@code owner/name}
   * @param revision branch, tag or commit; "main" is the usual one
   * @param progress told about downloads, file by file
   * @throws IllegalArgumentException if the model or revision is no such name
   * @throws HubException if it is neither cached nor can be fetched
   */
  public Path resolve(String model, String revision, ProgressListener progress) {
    Objects.requireNonNull(progress, "progress");
    check(model, MODEL, "the name of a model, such as facebook/dinov2-with-registers-small,");
    check(revision, REVISION, "a branch, tag or commit, such as main,");
    HubCache cache = new HubCache(settings.cache(), model);
    Optional<Path> cached = cache.complete(revision);
    if (cached.isPresent()) {
      return cached.get();
    }
    if (settings.offline()) {
      return offline(model, revision, cache);
    }
    try (HubClient client = new HubClient(settings, model)) {
      return new Download(client, cache, progress).all(revision);
    } catch (IOException e) {
      throw cache.unwritable(e);
    }
  }

  /** What is there, even if nobody has asked yet whether the model has a preprocessor's file. */
  private Path offline(String model, String revision, HubCache cache) {
    Path snapshot =
        cache.runnable(revision).orElseThrow(() -> new HubException(notCached(model, revision)));
    System.getLogger("dev.fovea")
        .log(
            Level.WARNING,
            "{0} ({1}) is cached without {2}: pixels are prepared as DINOv2 does it, which may not"
                + " be as the model needs it. Unset HF_HUB_OFFLINE once to fetch that file",
            model,
            revision,
            HubCache.PREPROCESSOR);
    return snapshot;
  }

  private String notCached(String model, String revision) {
    return "%s (%s) is not in %s, and HF_HUB_OFFLINE forbids to fetch it: unset HF_HUB_OFFLINE, or"
            .formatted(model, revision, settings.cache())
        + " fetch it where there is a network and copy it there or name its folder";
  }

  private static void check(String name, Pattern pattern, String what) {
    if (!pattern.matcher(name).matches()) {
      throw new IllegalArgumentException("expected " + what + " got '" + name + "'");
    }
  }

  /** Brings one model into the cache. IOExceptions are those of the cache, never the network's. */
  private record Download(HubClient client, HubCache cache, ProgressListener progress) {

    Path all(String revision) throws IOException {
      RemoteFile config = required(revision, HubCache.CONFIG);
      String commit = config.commit(); // The branch may move meanwhile; we stay with this commit.
      fetch(config);
      Optional<RemoteFile> preprocessor = client.find(commit, HubCache.PREPROCESSOR);
      if (preprocessor.isPresent()) {
        fetch(preprocessor.get());
      } else {
        cache.markMissing(commit, HubCache.PREPROCESSOR);
      }
      Optional<RemoteFile> weights = client.find(commit, Safetensors.SINGLE);
      if (weights.isPresent()) {
        fetch(weights.get());
      } else {
        shards(commit);
      }
      cache.point(revision, commit);
      return cache.snapshot(commit);
    }

    private void shards(String commit) throws IOException {
      RemoteFile index = required(commit, Safetensors.INDEX);
      fetch(index);
      for (String shard : Safetensors.shards(cache.snapshot(commit).resolve(Safetensors.INDEX))) {
        fetch(required(commit, shard));
      }
    }

    private RemoteFile required(String revision, String name) {
      return client.find(revision, name).orElseThrow(() -> client.missing(revision, name));
    }

    private void fetch(RemoteFile file) throws IOException {
      Path blob = cache.blob(file.etag());
      Files.createDirectories(blob.getParent());
      try (BlobLock lock = BlobLock.acquire(cache.lock(file.etag()))) {
        Objects.requireNonNull(lock);
        if (!Files.exists(blob) || (file.size() >= 0 && Files.size(blob) != file.size())) {
          Path part = cache.part(file.etag());
          client.download(file, part, progress);
          accept(file, part);
          Files.move(
              part, blob, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }
      }
      cache.link(file);
    }

    private static void accept(RemoteFile file, Path part) throws IOException {
      if (!file.matches(part)) {
        Files.delete(part);
        throw new HubException(
            file.uri()
                + ": what arrived is not what the server announced (its hash is not "
                + file.etag()
                + "); it was deleted, try again");
      }
    }
  }
}
