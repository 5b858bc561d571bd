package dev.fovea.hub;

import static dev.fovea.hub.HubServer.COMMIT;
import static dev.fovea.hub.HubServer.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.CheckpointException;
import dev.fovea.HubException;
import dev.fovea.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is asked of a hub, in which order, and what becomes of refusals. */
class HubTest extends PublishedOnHub {

  private static long filesIn(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return 0;
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.count();
    }
  }

  @Test
  void downloadsIntoTheLayoutThatHuggingFaceUses() throws IOException {
    Path snapshot = resolve();
    assertThat(snapshot).isEqualTo(model.resolve("snapshots").resolve(COMMIT));
    assertHolds(snapshot, "config.json");
    assertHolds(snapshot, "preprocessor_config.json");
    assertHolds(snapshot, WEIGHTS);
    assertThat(model.resolve("refs/main")).hasContent(COMMIT);
    String hash = HubServer.hash("SHA-256", server.files.get(WEIGHTS));
    assertThat(Files.readSymbolicLink(snapshot.resolve(WEIGHTS)))
        .isEqualTo(Path.of("../../blobs", hash));
    String git = HubServer.gitHash(server.files.get("config.json"));
    assertThat(Files.readSymbolicLink(snapshot.resolve("config.json")))
        .isEqualTo(Path.of("../../blobs", git));
    assertThat(filesIn(model.resolve("blobs"))).isEqualTo(3);
  }

  @Test
  void whatIsCachedNeedsNoRequest() {
    Path first = resolve();
    int requests = server.requests.size();
    assertThat(resolve()).isEqualTo(first);
    assertThat(resolve(COMMIT)).isEqualTo(first);
    assertThat(server.requests).hasSize(requests);
    assertThat(new Hub(settings(null, true)).resolve("acme/vit", "main", ProgressListener.NONE))
        .isEqualTo(first);
  }

  @Test
  void onlyWhatIsMissingIsFetched() throws IOException {
    Path snapshot = resolve();
    Files.delete(snapshot.resolve(WEIGHTS));
    Files.delete(snapshot.resolve("config.json"));
    Files.delete(
        model.resolve("blobs").resolve(HubServer.gitHash(server.files.get("config.json"))));
    server.requests.clear();
    server.storageRequests.clear();
    resolve();
    assertHolds(snapshot, WEIGHTS);
    assertHolds(snapshot, "config.json");
    assertThat(server.count("GET ")).isEqualTo(1);
  }

  @Test
  void aModelWithoutPreprocessorConfigurationIsComplete() {
    server.files.remove("preprocessor_config.json");
    Path snapshot = resolve();
    assertThat(snapshot.resolve("preprocessor_config.json")).doesNotExist();
    assertThat(model.resolve(".no_exist").resolve(COMMIT).resolve("preprocessor_config.json"))
        .exists();
    int requests = server.requests.size();
    resolve();
    assertThat(server.requests).hasSize(requests);
  }

  /** As a program leaves the cache that has loaded the model and not its preprocessor. */
  @Test
  void whetherThereIsAPreprocessorIsAskedBeforeTheCacheIsTrusted() throws IOException {
    Path preprocessor = resolve().resolve("preprocessor_config.json");
    Files.delete(preprocessor);
    Path snapshot =
        new Hub(settings(null, true)).resolve("acme/vit", "main", ProgressListener.NONE);
    assertThat(snapshot.resolve("config.json")).as("offline it is used as it is").exists();
    assertThat(preprocessor).doesNotExist();
    resolve();
    assertHolds(snapshot, "preprocessor_config.json");
  }

  @Test
  void theTokenGoesToTheHubAndNowhereElse() {
    new Hub(settings("secret", false)).resolve("acme/vit", "main", ProgressListener.NONE);
    assertThat(server.requests)
        .isNotEmpty()
        .allMatch(request -> "Bearer secret".equals(request.authorization()));
    assertThat(server.storageRequests)
        .isNotEmpty()
        .allMatch(request -> request.authorization() == null);
  }

  @Test
  void withoutATokenNoneIsSent() {
    resolve();
    assertThat(server.requests).allMatch(request -> request.authorization() == null);
  }

  @Test
  void aRenamedModelIsFollowedOnTheSameServer() throws IOException {
    server.next(
        1,
        "HEAD /acme/vit/resolve/main/config.json",
        status(307, "Location", "/acme/new/resolve/main/config.json"));
    assertHolds(resolve(), "config.json");
  }

  @Test
  void endlessRedirectsEnd() {
    server.next(100, "config.json", status(307, "Location", "/acme/vit/resolve/main/config.json"));
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("redirects");
  }

  @ParameterizedTest
  @CsvSource({
    "401, '', HF_TOKEN",
    "403, GatedRepo, accept the model's conditions",
    "404, RepoNotFound, no model of this name",
    "404, RevisionNotFound, 'no such branch, tag or commit'",
    "404, EntryNotFound, has no config.json",
    "418, '', answered 418",
  })
  void refusalsSayWhatToDoAndAreNotRepeated(int status, String code, String hint) {
    server.next(100, "config.json", status(status, "X-Error-Code", code));
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("acme/vit")
        .hasMessageContaining(hint);
    assertThat(server.requests).hasSize(1);
    assertThat(model.resolve("snapshots")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(ints = {408, 429, 500, 503})
  void aBusyServerIsAskedAgain(int status) throws IOException {
    server.next(2, "HEAD /acme/vit/resolve/main/config.json", status(status));
    server.next(2, "GET /stored/", status(status));
    assertHolds(resolve(), WEIGHTS);
  }

  @Test
  void aServerThatStaysBusyIsGivenUp() {
    server.next(100, "config.json", status(503));
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("503")
        .hasMessageContaining("5 attempts");
    assertThat(server.requests).hasSize(5);
  }

  @Test
  void aServerThatIsNotThereIsGivenUp() {
    server.close();
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("5 attempts")
        .hasMessageContaining("local copy");
  }

  @Test
  void aServerThatIsNoHubIsNamedAsSuch() {
    server.next(
        1,
        "config.json",
        exchange -> {
          exchange.getResponseHeaders().set("Content-Length", "5");
          exchange.sendResponseHeaders(200, -1);
        });
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("HF_ENDPOINT");
  }

  @Test
  void namesThatTheServerGivesCannotLeaveTheCache() {
    server.next(
        1,
        "config.json",
        status(200, "X-Repo-Commit", COMMIT, "ETag", "\"../../../evil\"", "Content-Length", "1"));
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("../evil");
  }

  @Test
  void offlineAndNotCachedSaysBothWaysOut() {
    Hub offline = new Hub(settings(null, true));
    assertThatThrownBy(() -> offline.resolve("acme/vit", "main", ProgressListener.NONE))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("unset HF_HUB_OFFLINE")
        .hasMessageContaining("copy it there or name its folder");
    assertThat(server.requests).isEmpty();
  }

  private void publishShards(String secondName) {
    server.files.remove(WEIGHTS);
    put("model-00001-of-00002.safetensors", "first");
    put("model-00002-of-00002.safetensors", "second");
    put(
        "model.safetensors.index.json",
        """
        {"metadata": {"total_size": 11}, "weight_map":
          {"a": "model-00001-of-00002.safetensors", "b": "%s", "c": "%s"}}
        """
            .formatted(secondName, secondName));
  }

  @Test
  void shardsAreFetchedByTheirIndex() throws IOException {
    publishShards("model-00002-of-00002.safetensors");
    Path snapshot = resolve();
    assertHolds(snapshot, "model.safetensors.index.json");
    assertHolds(snapshot, "model-00001-of-00002.safetensors");
    assertHolds(snapshot, "model-00002-of-00002.safetensors");
    int requests = server.requests.size();
    resolve();
    assertThat(server.requests).hasSize(requests);
    Files.delete(snapshot.resolve("model-00002-of-00002.safetensors"));
    assertHolds(resolve(), "model-00002-of-00002.safetensors");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"../x.safetensors", "/x.safetensors", "a/b.safetensors", "..", "config.json"})
  void anIndexCannotNameFilesElsewhere(String name) {
    publishShards(name);
    assertThatThrownBy(this::resolve)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining('"' + name + '"');
    assertThat(model.resolve("refs/main")).doesNotExist();
  }

  @Test
  void aMissingShardIsNamed() {
    publishShards("model-00003-of-00003.safetensors");
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("model-00003-of-00003.safetensors");
  }

  @Test
  void aModelWithoutSafetensorsSaysWhatToDo() {
    server.files.remove(WEIGHTS);
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining("fovea convert");
  }

  @Test
  void otherRevisionsHaveTheirOwnReference() {
    resolve("refs/pr/1");
    assertThat(model.resolve("refs/refs/pr/1")).hasContent(COMMIT);
    assertThat(model.resolve("refs/main")).doesNotExist();
    assertThat(server.requests.getFirst().line())
        .isEqualTo("HEAD /acme/vit/resolve/refs%2Fpr%2F1/config.json");
  }

  @Test
  void laterFilesComeFromTheCommitOfTheFirst() {
    resolve();
    assertThat(server.requests.stream().map(HubServer.Request::line))
        .filteredOn(line -> !line.endsWith("/config.json"))
        .isNotEmpty()
        .allMatch(line -> line.contains("/resolve/" + COMMIT + "/"));
  }

  @Test
  void manyThreadsDownloadOnce() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      List<Future<Path>> results = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        results.add(threads.submit(() -> resolve()));
      }
      for (Future<Path> result : results) {
        assertHolds(result.get(), WEIGHTS);
      }
    }
    assertThat(server.count("GET /stored/")).isEqualTo(1);
  }

  @Test
  void progressEndsWithEveryByte() {
    List<String> told = new ArrayList<>();
    new Hub(settings(null, false))
        .resolve(
            "acme/vit", "main", (task, done, total) -> told.add(task + " " + done + "/" + total));
    assertThat(told).contains("model.safetensors 300000/300000").hasSizeLessThan(50);
  }

  @ParameterizedTest
  @ValueSource(strings = {"vit", "a/b/c", "../x", "a/..", "a/b--c", "/a/b", "a b/c", "a/b%2f"})
  void otherNamesAreRefused(String name) {
    Hub hub = new Hub(settings(null, false));
    assertThatThrownBy(() -> hub.resolve(name, "main", ProgressListener.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + name + "'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "..", "../main", "/main", "a//b", "a b", "main/"})
  void otherRevisionsAreRefused(String revision) {
    assertThatThrownBy(() -> resolve(revision))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + revision + "'");
  }

  @Test
  void aCacheThatCannotBeWrittenIsNamed() throws IOException {
    Files.createDirectories(model.getParent());
    Files.writeString(model, "a file where a folder belongs");
    assertThatThrownBy(this::resolve)
        .isInstanceOf(HubException.class)
        .hasMessageContaining(model.toString())
        .hasMessageContaining("HF_HUB_CACHE");
  }
}
