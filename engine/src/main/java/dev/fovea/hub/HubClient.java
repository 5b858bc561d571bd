package dev.fovea.hub;

import dev.fovea.HubException;
import dev.fovea.ProgressListener;
import dev.fovea.checkpoint.Safetensors;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Asks the hub's server for the files of one model: {@code ENDPOINT/OWNER/NAME/resolve/REVISION/
 * FILE}, which answers with a file's commit, hash and size, and mostly with a redirect to where its
 * bytes are.
 *
 * <p>Redirects are followed here and not by the HTTP client, because the token must not go along to
 * another server. What fails for a passing reason is tried again.
 */
final class HubClient implements AutoCloseable {

  private static final int ATTEMPTS = 5;
  private static final int REDIRECTS = 10;

  private final HubSettings settings;
  private final String model;
  private final HttpClient http;

  HubClient(HubSettings settings, String model) {
    this.settings = settings;
    this.model = model;
    // HTTP/1.1: one stream a connection is what a download of gigabytes wants.
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(Duration.ofSeconds(10))
            .build();
  }

  @Override
  public void close() {
    http.shutdownNow();
  }

  /** A file's address, commit, hash and size; empty if the revision has no such file. */
  Optional<RemoteFile> find(String revision, String name) {
    URI uri =
        URI.create(settings.endpoint() + "/" + model + "/resolve/" + encode(revision) + "/" + name);
    for (int failures = 1; ; failures++) {
      try {
        return head(uri, name);
      } catch (PassingFailure e) {
        pauseOrGiveUp(uri, failures, e);
      }
    }
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private Optional<RemoteFile> head(URI start, String name) throws PassingFailure {
    String commit = null;
    String etag = null;
    String size = null;
    URI uri = start;
    for (int hop = 0; hop <= REDIRECTS; hop++) {
      HttpResponse<Void> response = send("HEAD", uri, 0, BodyHandlers.discarding());
      HttpHeaders headers = response.headers();
      commit = firstKnown(commit, headers, "X-Repo-Commit");
      etag = firstKnown(etag, headers, "X-Linked-Etag");
      size = firstKnown(size, headers, "X-Linked-Size");
      if (isRedirect(response)) {
        if (commit != null && etag != null && size != null) {
          return Optional.of(remoteFile(name, start, commit, etag, size));
        }
        uri = target(uri, response);
        continue;
      }
      if (isMissingFile(response)) {
        return Optional.empty();
      }
      expect(response, 200);
      etag = firstKnown(etag, headers, "ETag");
      size = firstKnown(size, headers, "Content-Length");
      return Optional.of(remoteFile(name, start, commit, etag, size));
    }
    throw new HubException(start + ": more than " + REDIRECTS + " redirects");
  }

  private static String firstKnown(String known, HttpHeaders headers, String name) {
    return known != null ? known : headers.firstValue(name).orElse(null);
  }

  private static RemoteFile remoteFile(
      String name, URI uri, String commit, String etag, String size) {
    if (commit == null || etag == null) {
      throw new HubException(
          uri
              + ": expected the headers X-Repo-Commit and ETag of a Hugging Face hub, got neither"
              + " or one; is HF_ENDPOINT right?");
    }
    String hash = etag.replaceFirst("^W/", "").replace("\"", "");
    try {
      return new RemoteFile(name, commit, hash, size == null ? -1 : Long.parseLong(size), uri);
    } catch (NumberFormatException e) {
      throw new HubException(uri + ": the server gave the size '" + size + "'", e);
    }
  }

  /**
   * Downloads a file, from where an earlier attempt stopped.
   *
   * @param part receives the bytes, after those that it has
   * @throws IOException if {@code part} cannot be written
   */
  void download(RemoteFile file, Path part, ProgressListener progress) throws IOException {
    int failures = 0;
    while (true) {
      long before = length(part);
      try {
        resume(file, part, before, progress);
        return;
      } catch (PassingFailure e) {
        failures = length(part) > before ? 1 : failures + 1; // Bytes came: worth more attempts.
        pauseOrGiveUp(file.uri(), failures, e);
      }
    }
  }

  private static long length(Path part) throws IOException {
    return Files.exists(part) ? Files.size(part) : -1;
  }

  private void resume(RemoteFile file, Path part, long before, ProgressListener progress)
      throws IOException {
    if (file.size() >= 0 && before == file.size()) {
      return;
    }
    boolean tooLong = file.size() >= 0 && before > file.size();
    long have = tooLong ? 0 : Math.max(0, before);
    HttpResponse<InputStream> response = get(file.uri(), have);
    try (InputStream body = response.body()) {
      if (response.statusCode() == 416) {
        Files.deleteIfExists(part);
        throw new PassingFailure("the server cannot resume at byte " + have);
      }
      expect(response, have > 0 ? 206 : 200);
      long from = response.statusCode() == 206 ? have : 0;
      checkRange(response, from);
      new Transfer(file, progress, settings.patience()).write(body, part, from);
    }
  }

  private static void checkRange(HttpResponse<?> response, long from) {
    String range = response.headers().firstValue("Content-Range").orElse("");
    if (response.statusCode() == 206 && !range.startsWith("bytes " + from + "-")) {
      throw new HubException(
          response.uri() + ": asked for the bytes from " + from + " on, got '" + range + "'");
    }
  }

  private HttpResponse<InputStream> get(URI start, long from) throws PassingFailure {
    URI uri = start;
    for (int hop = 0; hop <= REDIRECTS; hop++) {
      HttpResponse<InputStream> response = send("GET", uri, from, BodyHandlers.ofInputStream());
      if (!isRedirect(response)) {
        return response;
      }
      close(response.body());
      uri = target(uri, response);
    }
    throw new HubException(start + ": more than " + REDIRECTS + " redirects");
  }

  private static void close(InputStream body) throws PassingFailure {
    try {
      body.close();
    } catch (IOException e) {
      throw new PassingFailure(e);
    }
  }

  private <T> HttpResponse<T> send(String method, URI uri, long from, BodyHandler<T> handler)
      throws PassingFailure {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .header("User-Agent", "fovea")
            .header("Accept-Encoding", "identity");
    if (settings.token() != null && sameServer(uri, settings.endpoint())) {
      request.header("Authorization", "Bearer " + settings.token());
    }
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    CompletableFuture<HttpResponse<T>> answer = http.sendAsync(request.build(), handler);
    try {
      return answer.get(settings.patience().toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw new PassingFailure("no answer within " + settings.patience().toSeconds() + " s");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw new PassingFailure(cause);
      }
      throw new HubException(uri + ": " + e.getCause(), e.getCause());
    } catch (InterruptedException e) {
      answer.cancel(true);
      throw interrupted(uri, e);
    }
  }

  private static boolean sameServer(URI a, URI b) {
    return a.getScheme().equalsIgnoreCase(b.getScheme())
        && a.getHost().equalsIgnoreCase(b.getHost())
        && a.getPort() == b.getPort();
  }

  private static boolean isRedirect(HttpResponse<?> response) {
    return switch (response.statusCode()) {
      case 301, 302, 303, 307, 308 -> true;
      default -> false;
    };
  }

  /** Where a redirect leads: to HTTP or HTTPS, and never from HTTPS to HTTP. */
  private static URI target(URI from, HttpResponse<?> response) {
    String location = response.headers().firstValue("Location").orElse("");
    try {
      URI to = from.resolve(location);
      boolean allowed =
          "https".equals(to.getScheme())
              || ("http".equals(to.getScheme()) && "http".equals(from.getScheme()));
      if (allowed && to.getHost() != null && !location.isEmpty()) {
        return to;
      }
    } catch (IllegalArgumentException e) {
      throw new HubException(from + ": redirects to '" + location + "', which is no address", e);
    }
    throw new HubException(from + ": refused to follow its redirect to '" + location + "'");
  }

  private static boolean isMissingFile(HttpResponse<?> response) {
    String code = response.headers().firstValue("X-Error-Code").orElse("EntryNotFound");
    return response.statusCode() == 404 && code.equals("EntryNotFound");
  }

  private void expect(HttpResponse<?> response, int status) throws PassingFailure {
    int actual = response.statusCode();
    boolean wholeInsteadOfPart = status == 206 && actual == 200;
    if (actual == status || wholeInsteadOfPart) {
      return;
    }
    if (actual == 408 || actual == 429 || actual >= 500) {
      throw new PassingFailure("the server answered " + actual, retryAfter(response));
    }
    throw new HubException(response.uri() + ": " + refusal(response));
  }

  /** The pause that the server asks for, a minute at most. */
  private static Duration retryAfter(HttpResponse<?> response) {
    String seconds = response.headers().firstValue("Retry-After").orElse("");
    return seconds.matches("[0-9]{1,9}")
        ? Duration.ofSeconds(Math.min(60, Integer.parseInt(seconds)))
        : Duration.ZERO;
  }

  private String refusal(HttpResponse<?> response) {
    int status = response.statusCode();
    String code = response.headers().firstValue("X-Error-Code").orElse("");
    return switch (status) {
      case 401 ->
          settings.token() == null
              ? "401, no model of this name is public here: check the name; for a private or gated"
                  + " model set HF_TOKEN to a token of an account that may read it"
              : "401, the token was not accepted for this model: check the name, and HF_TOKEN (or"
                  + " the token file in HF_HOME)";
      case 403 ->
          "403, access denied: accept the model's conditions at "
              + settings.endpoint()
              + "/"
              + model
              + " and set HF_TOKEN to a token of that account";
      case 404 ->
          code.equals("RevisionNotFound")
              ? "404, the model has no such branch, tag or commit"
              : "404, there is no model of this name: check it at " + settings.endpoint();
      default -> "the server answered " + status + (code.isEmpty() ? "" : " (" + code + ")");
    };
  }

  /** The exception for a model without a file that it must have. */
  HubException missing(String revision, String name) {
    String hint =
        name.equals(Safetensors.INDEX)
            ? "; a model needs model.safetensors or that index. If it has only a .pth or .bin file,"
                + " download that and use fovea convert"
            : "; check the model's name and revision";
    return new HubException(
        String.format("%s/%s (%s) has no %s%s", settings.endpoint(), model, revision, name, hint));
  }

  private void pauseOrGiveUp(URI uri, int failures, PassingFailure failure) {
    if (failures >= ATTEMPTS) {
      throw new HubException(
          String.format(
              "%s: %s; gave up after %d attempts. Check the network (a proxy is named by"
                  + " -Dhttps.proxyHost and -Dhttps.proxyPort) and try again, what has arrived is"
                  + " kept; or pass the path of a local copy",
              uri, failure.getMessage(), failures),
          failure);
    }
    Duration backoff = settings.backoff().multipliedBy(1L << (failures - 1));
    try {
      Thread.sleep(backoff.compareTo(failure.pause()) > 0 ? backoff : failure.pause());
    } catch (InterruptedException e) {
      throw interrupted(uri, e);
    }
  }

  private static HubException interrupted(URI uri, InterruptedException cause) {
    Thread.currentThread().interrupt();
    return new HubException(uri + ": interrupted", cause);
  }
}
