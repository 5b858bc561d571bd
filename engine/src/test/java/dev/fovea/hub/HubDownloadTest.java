package dev.fovea.hub;

import static dev.fovea.hub.HubServer.COMMIT;
import static dev.fovea.hub.HubServer.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.HubException;
import dev.fovea.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that arrive in parts, twice or damaged. */
class HubDownloadTest extends PublishedOnHub {

  private Path part() throws IOException {
    String hash = HubServer.hash("SHA-256", server.files.get(WEIGHTS));
    return Files.createDirectories(model.resolve("blobs")).resolve(hash + ".fovea.incomplete");
  }

  /** Java's client may give up the last of what has arrived when it sees that no more will come. */
  @Test
  void aBrokenConnectionIsResumedWhereItBroke() throws IOException {
    server.next(1, "GET /stored/", server.breakAfter(WEIGHTS, 100_000));
    assertHolds(resolve(), WEIGHTS);
    assertThat(server.storageRequests).hasSize(2);
    String range = server.storageRequests.getLast().range();
    assertThat(range).matches("bytes=\\d+-");
    assertThat(Integer.parseInt(range.replaceAll("\\D", ""))).isBetween(50_000, 100_000);
  }

  @Test
  void anEarlierProcesssPartIsResumed() throws IOException {
    byte[] weights = server.files.get(WEIGHTS);
    Files.write(part(), Arrays.copyOf(weights, 299_999));
    assertHolds(resolve(), WEIGHTS);
    assertThat(server.storageRequests.getLast().range()).isEqualTo("bytes=299999-");
    assertThat(part()).doesNotExist();
  }

  @Test
  void aServerThatCannotResumeSendsAllAgain() throws IOException {
    Files.write(part(), new byte[1000]);
    server.next(1, "GET /stored/", server.breakAfter(WEIGHTS, 300_000));
    assertHolds(resolve(), WEIGHTS);
  }

  @Test
  void aRangeThatIsRefusedStartsAfresh() throws IOException {
    Files.write(part(), new byte[1000]);
    server.next(1, "GET /stored/", status(416));
    assertHolds(resolve(), WEIGHTS);
    assertThat(server.storageRequests.getLast().range()).isNull();
  }

  @Test
  void aPartThatIsTooLongStartsAfresh() throws IOException {
    Files.write(part(), new byte[300_001]);
    assertHolds(resolve(), WEIGHTS);
  }

  @Test
  void aCompletePartIsNotFetchedAgain() throws IOException {
    Files.write(part(), server.files.get(WEIGHTS));
    assertHolds(resolve(), WEIGHTS);
    assertThat(server.storageRequests).isEmpty();
  }

  @Test
  void aServerThatFallsSilentIsGivenUpAndResumed() throws IOException {
    server.next(
        1,
        "GET /stored/",
        exchange -> {
          exchange.sendResponseHeaders(200, 300_000);
          exchange.getResponseBody().write(server.files.get(WEIGHTS), 0, 50_000);
          exchange.getResponseBody().flush();
          sleep(Duration.ofSeconds(30));
        });
    HubSettings impatient =
        new HubSettings(
            server.endpoint(),
            folder.resolve("hub"),
            null,
            false,
            Duration.ofMillis(1),
            Duration.ofMillis(700));
    Path snapshot = new Hub(impatient).resolve("acme/vit", "main", ProgressListener.NONE);
    assertHolds(snapshot, WEIGHTS);
    assertThat(server.storageRequests.getLast().range()).isEqualTo("bytes=50000-");
  }

  private static void sleep(Duration duration) {
    try {
      Thread.sleep(duration);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.json", WEIGHTS})
  void changedBytesAreRefusedAndDeleted(String file) throws IOException {
    byte[] damaged = server.files.get(file).clone();
    damaged[damaged.length / 2] ^= 1;
    server.next(
        1,
        "GET " + (file.equals(WEIGHTS) ? "/stored/" : "/acme/vit/resolve/main/config.json"),
        exchange -> {
          exchange.sendResponseHeaders(200, damaged.length);
          exchange.getResponseBody().write(damaged);
        });
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining(file)
        .hasMessageContaining("hash");
    assertThat(model.resolve("snapshots").resolve(COMMIT).resolve(file)).doesNotExist();
    assertThat(model.resolve("refs/main")).doesNotExist();
    try (Stream<Path> blobs = Files.list(model.resolve("blobs"))) {
      assertThat(blobs.map(Path::toString)).noneMatch(name -> name.endsWith(".incomplete"));
    }
    assertHolds(resolve(), file);
  }
}
