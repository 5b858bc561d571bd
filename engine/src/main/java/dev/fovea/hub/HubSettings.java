package dev.fovea.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Where models are looked for, by the environment variables of {@code huggingface_hub}.
 *
 * @param endpoint the server, without a trailing slash
 * @param cache the folder that holds {@code models--owner--name}
 * @param token sent to the endpoint and to no other server; null for none
 * @param offline whether the network is left alone
 * @param backoff pause before the second attempt; doubled for each one after it
 * @param patience how long a server may stay silent before an attempt counts as failed
 */
record HubSettings(
    URI endpoint, Path cache, String token, boolean offline, Duration backoff, Duration patience) {

  private static final Set<String> YES = Set.of("1", "true", "yes", "on");

  HubSettings {
    Objects.requireNonNull(cache, "cache");
    String scheme = String.valueOf(endpoint.getScheme());
    if (!scheme.matches("https?") || endpoint.getHost() == null) {
      throw new IllegalArgumentException(
          "HF_ENDPOINT must be the address of a server such as https://huggingface.co, got "
              + endpoint);
    }
  }

  /**
   * Reads HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH,
   * HF_HUB_OFFLINE, and the token file that {@code hf auth login} leaves.
   *
   * @param home the user's folder
   */
  static HubSettings of(Map<String, String> environment, Path home) {
    Path caches = path(environment, "XDG_CACHE_HOME", home, home.resolve(".cache"));
    Path hugging = path(environment, "HF_HOME", home, caches.resolve("huggingface"));
    Path cache = path(environment, "HF_HUB_CACHE", home, hugging.resolve("hub"));
    String endpoint = text(environment, "HF_ENDPOINT", "https://huggingface.co");
    String token = text(environment, "HF_TOKEN", null);
    if (token == null) {
      token = readToken(path(environment, "HF_TOKEN_PATH", home, hugging.resolve("token")));
    }
    String offline = text(environment, "HF_HUB_OFFLINE", "0").toLowerCase(Locale.ROOT);
    return new HubSettings(
        URI.create(endpoint.replaceFirst("/+$", "")),
        cache,
        token,
        YES.contains(offline),
        Duration.ofSeconds(1),
        Duration.ofSeconds(30));
  }

  private static String text(Map<String, String> environment, String name, String otherwise) {
    String value = environment.get(name);
    return value == null || value.isBlank() ? otherwise : value.strip();
  }

  private static Path path(
      Map<String, String> environment, String name, Path home, Path otherwise) {
    String value = text(environment, name, null);
    if (value == null) {
      return otherwise;
    }
    return value.startsWith("~/") ? home.resolve(value.substring(2)) : Path.of(value);
  }

  private static String readToken(Path file) {
    try {
      String token = Files.readString(file).strip();
      return token.isEmpty() ? null : token;
    } catch (IOException e) {
      return null; // Nobody has logged in here, which is fine for public models.
    }
  }

  /** Never shows the token. */
  @Override
  public String toString() {
    return "HubSettings[" + endpoint + ", " + cache + (offline ? ", offline" : "") + "]";
  }
}
