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
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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

  private static final Pattern VARIABLE = Pattern.compile("\\$(\\w+|\\{\\w+})");

  HubSettings {
    Objects.requireNonNull(cache, "cache");
    String scheme = String.valueOf(endpoint.getScheme());
    if (!scheme.matches("https?") || endpoint.getHost() == null) {
      throw new IllegalArgumentException(
          "HF_ENDPOINT must be the address of a server such as https://huggingface.co, got "
              + endpoint);
    }
    if (token != null && !token.matches("[!-~]+")) { // Never shown, not even where it is wrong.
      throw new IllegalArgumentException(
          "HF_TOKEN, or the file that hf auth login has left, has characters that no token has:"
              + " expected hf_ and letters; correct it or unset it");
    }
  }

  /**
   * Reads HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH,
   * HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE, and the token file that {@code hf auth login} leaves.
   *
   * @param home the user's folder
   */
  static HubSettings of(Map<String, String> environment, Path home) {
    Path caches = path(environment, "XDG_CACHE_HOME", home, home.resolve(".cache"));
    Path hugging = path(environment, "HF_HOME", home, caches.resolve("huggingface"));
    Path cache = path(environment, "HF_HUB_CACHE", home, hugging.resolve("hub"));
    String endpoint = text(environment, "HF_ENDPOINT", "https://huggingface.co");
    String token = token(environment.get("HF_TOKEN"));
    if (token == null) {
      token = readToken(path(environment, "HF_TOKEN_PATH", home, hugging.resolve("token")));
    }
    String offline =
        text(environment, "HF_HUB_OFFLINE", text(environment, "TRANSFORMERS_OFFLINE", "0"));
    return new HubSettings(
        address(endpoint),
        cache,
        token,
        YES.contains(offline.toLowerCase(Locale.ROOT)),
        Duration.ofSeconds(1),
        Duration.ofSeconds(30));
  }

  private static String text(Map<String, String> environment, String name, String otherwise) {
    String value = environment.get(name);
    return value == null || value.isBlank() ? otherwise : value.strip();
  }

  /** Variables and the home folder are expanded, as Python's os.path does it. */
  private static Path path(
      Map<String, String> environment, String name, Path home, Path otherwise) {
    String value = text(environment, name, null);
    if (value == null) {
      return otherwise;
    }
    String expanded =
        VARIABLE
            .matcher(value)
            .replaceAll(
                variable -> {
                  String word = variable.group().replaceAll("[${}]", "");
                  String replacement = environment.getOrDefault(word, variable.group());
                  return Matcher.quoteReplacement(replacement);
                });
    if (expanded.equals("~")) {
      return home;
    }
    return expanded.startsWith("~/") ? home.resolve(expanded.substring(2)) : Path.of(expanded);
  }

  private static URI address(String endpoint) {
    try {
      return URI.create(endpoint.replaceFirst("/+$", ""));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("HF_ENDPOINT is no address: " + e.getMessage(), e);
    }
  }

  /** Without the line breaks that copying adds; null if nothing is left. */
  private static String token(String text) {
    String token = text == null ? "" : text.replaceAll("[\\r\\n]", "").strip();
    return token.isEmpty() ? null : token;
  }

  private static String readToken(Path file) {
    try {
      return token(Files.readString(file));
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
