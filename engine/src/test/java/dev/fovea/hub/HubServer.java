package dev.fovea.hub;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * A hub on the loopback, with one model {@code acme/vit} and a second server on another port to
 * which it redirects large files, as the real one does.
 */
final class HubServer implements AutoCloseable {

  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  static {
    System.setProperty("sun.net.httpserver.nodelay", "true"); // Or each answer waits for 40 ms.
  }

  /** An answer of the test's own instead of the usual one. */
  interface Answer {
    void to(HttpExchange exchange) throws IOException;
  }

  private record Rule(Predicate<String> request, AtomicInteger times, Answer answer) {}

  /** A request: "GET /path", and what matters of its headers. */
  record Request(String line, String authorization, String range) {}

  final Map<String, byte[]> files = new ConcurrentHashMap<>();
  final List<Request> requests = new CopyOnWriteArrayList<>();
  final List<Request> storageRequests = new CopyOnWriteArrayList<>();
  private final List<Rule> rules = new CopyOnWriteArrayList<>();
  private final HttpServer hub = start(this::answerHub);
  private final HttpServer storage = start(this::answerStorage);

  private static HttpServer start(Answer answer) {
    try {
      InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
      HttpServer server = HttpServer.create(address, 0);
      server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
      server.createContext(
          "/",
          exchange -> {
            try (exchange) {
              answer.to(exchange);
            }
          });
      server.start();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + hub.getAddress().getPort());
  }

  private URI storageEndpoint() {
    return URI.create("http://127.0.0.1:" + storage.getAddress().getPort());
  }

  /** Answers the next requests that contain this text ("GET /...") in another way. */
  void next(int times, String part, Answer answer) {
    rules.add(new Rule(line -> line.contains(part), new AtomicInteger(times), answer));
  }

  /** Answers with a status and nothing else. */
  static Answer status(int status, String... headers) {
    return exchange -> {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
    };
  }

  private boolean answeredByRule(HttpExchange exchange, String line) throws IOException {
    for (Rule rule : rules) {
      if (rule.request.test(line) && rule.times.getAndDecrement() > 0) {
        rule.answer.to(exchange);
        return true;
      }
    }
    return false;
  }

  private static Request request(HttpExchange exchange) {
    Headers headers = exchange.getRequestHeaders();
    return new Request(
        exchange.getRequestMethod() + " " + exchange.getRequestURI().getRawPath(),
        headers.getFirst("Authorization"),
        headers.getFirst("Range"));
  }

  private void answerHub(HttpExchange exchange) throws IOException {
    Request request = request(exchange);
    requests.add(request);
    if (answeredByRule(exchange, request.line)) {
      return;
    }
    String[] parts = exchange.getRequestURI().getRawPath().split("/", 6);
    String file = parts.length < 6 ? "" : parts[5];
    byte[] content = files.get(file);
    Headers headers = exchange.getResponseHeaders();
    if (content == null) {
      headers.set("X-Error-Code", "EntryNotFound");
      exchange.sendResponseHeaders(404, -1);
      return;
    }
    headers.set("X-Repo-Commit", COMMIT);
    if (file.endsWith(".safetensors")) {
      headers.set("X-Linked-Etag", '"' + hash("SHA-256", content) + '"');
      headers.set("X-Linked-Size", String.valueOf(content.length));
      headers.set("Location", storageEndpoint() + "/stored/" + file);
      exchange.sendResponseHeaders(302, -1);
      return;
    }
    headers.set("ETag", "W/\"" + gitHash(content) + '"');
    send(exchange, content);
  }

  private void answerStorage(HttpExchange exchange) throws IOException {
    Request request = request(exchange);
    storageRequests.add(request);
    if (answeredByRule(exchange, request.line)) {
      return;
    }
    send(exchange, files.get(exchange.getRequestURI().getPath().replace("/stored/", "")));
  }

  private static void send(HttpExchange exchange, byte[] content) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("[^0-9]", ""));
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
    }
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(content.length));
      exchange.sendResponseHeaders(200, -1);
      return;
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
    exchange.getResponseBody().write(content, from, content.length - from);
  }

  /** Answers with the first bytes of a file, and breaks off. */
  Answer breakAfter(String file, int bytes) {
    return exchange -> {
      exchange.sendResponseHeaders(200, files.get(file).length);
      exchange.getResponseBody().write(files.get(file), 0, bytes);
      exchange.getResponseBody().flush();
    };
  }

  long count(String part) {
    return requests.stream().filter(request -> request.line.contains(part)).count()
        + storageRequests.stream().filter(request -> request.line.contains(part)).count();
  }

  static String gitHash(byte[] content) {
    byte[] header = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
    byte[] all = new byte[header.length + content.length];
    System.arraycopy(header, 0, all, 0, header.length);
    System.arraycopy(content, 0, all, header.length, content.length);
    return hash("SHA-1", all);
  }

  static String hash(String algorithm, byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    hub.stop(0);
    storage.stop(0);
  }
}
